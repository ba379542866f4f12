"""The service: opened and closed in order, whatever happens in between."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from chatproto import store as store_module
from chatproto.configuration import Config, configure, settings_from_flags
from chatproto.errors import CannotServe, StoreFailed
from chatproto.interfaces import IStore
from chatproto.records import Batch
from chatproto.service import LAB_USERS, RealmService, realm_service
from tests.conftest import LoggedFailures
from tests.serving import Connection

reactor: Any = installed


def config(*, listen: tuple[str, ...] = ("client=tcp:0:interface=127.0.0.1",), **flags: Any) -> Config:
    flags = {"realm": "alpha", "store": "memory:", "lab": True, **flags}
    return configure(settings_from_flags(listen=listen, **flags))


async def ask(port: int, **command: Any) -> dict[str, Any]:
    """Ask in a thread: plain sockets wait, and the service runs on this one."""

    def once() -> dict[str, Any]:
        with Connection(socket.create_connection(("127.0.0.1", port), 10)) as client:
            return client.ask(**command)

    return await deferToThread(once)


async def started(service: RealmService) -> list[int]:
    service.startService()
    return [int(where.port) for where in await service.when_started()]


@ensureDeferred
async def test_a_service_serves_from_start_to_stop() -> None:
    service = realm_service(reactor, config())
    [port] = await started(service)
    assert (await ask(port, do="hello"))["realm"] == "alpha"
    await service.stopService()
    await service.when_finished()
    with pytest.raises(ConnectionRefusedError):
        await ask(port, do="hello")


@ensureDeferred
async def test_a_lab_has_its_users() -> None:
    service = realm_service(reactor, config())
    [port] = await started(service)
    for user in LAB_USERS:
        assert (await ask(port, do="login", user=user, password="surabaya"))["status"] == "OK"
    await service.stopService()


@ensureDeferred
async def test_without_a_lab_nobody_has_an_account() -> None:
    service = realm_service(reactor, config(lab=None))
    [port] = await started(service)
    assert (await ask(port, do="login", user="messi", password="surabaya"))["code"] == "login-failed"
    await service.stopService()


@ensureDeferred
async def test_closed_registration_holds_for_clients() -> None:
    service = realm_service(reactor, config(registration="closed"))
    [port] = await started(service)
    assert (await ask(port, do="register", user="amsal", password="x"))["code"] == "registration-closed"
    await service.stopService()


@ensureDeferred
async def test_clients_are_no_administrators() -> None:
    service = realm_service(reactor, config())
    [port] = await started(service)
    refused = await ask(port, do="user-add", user="amsal", password="jakarta")
    assert refused["code"] in ("not-allowed", "not-logged-in")
    await service.stopService()


@ensureDeferred
async def test_a_listener_on_a_unix_socket_is_told_by_its_path(tmp_path: Path) -> None:
    service = realm_service(reactor, config(listen=(f"client=unix:{tmp_path / 'alpha'}",)))
    service.startService()
    [where] = await service.when_started()
    assert (where.name, where.host, where.port) == ("client", "unix", str(tmp_path / "alpha"))
    await service.stopService()


@ensureDeferred
async def test_a_taken_port_closes_what_was_open_already(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        store = f"sqlite:///{tmp_path / 'alpha.db'}"
        listen = ("client=tcp:0:interface=127.0.0.1", f"client=tcp:{port}:interface=127.0.0.1")
        service = realm_service(reactor, config(store=store, listen=listen))
        service.startService()
        with pytest.raises(
            CannotServe, match=r"^listen\.client: cannot open tcp:\d+:interface=127\.0\.0\.1: "
        ):
            await service.when_started()
        with pytest.raises(CannotServe):
            await service.when_finished()
    again = realm_service(reactor, config(store=store))
    await started(again)
    await again.stopService()


@ensureDeferred
async def test_a_store_in_use_is_told_by_its_code(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'alpha.db'}"
    first = realm_service(reactor, config(store=store))
    await started(first)
    second = realm_service(reactor, config(store=store))
    second.startService()
    with pytest.raises(CannotServe, match=r"^store-in-use: "):
        await second.when_started()
    assert (tmp_path / "alpha.db.control").is_socket(), "the first one's control socket must stay"
    await first.stopService()


@ensureDeferred
async def test_stopping_while_it_starts_closes_everything() -> None:
    service = realm_service(reactor, config())
    service.startService()
    await service.stopService()
    assert service.realm is None


@ensureDeferred
async def test_a_broken_store_closes_clients_and_ends_the_service(
    monkeypatch: pytest.MonkeyPatch, logged_failures: LoggedFailures
) -> None:
    stores: list[IStore] = []

    def open_store(url: str, reactor: Any, newest: Path | None) -> IStore:
        stores.append(opened := real(url, reactor, newest))
        return opened

    real = store_module.open_store
    monkeypatch.setattr("chatproto.opening.open_store", open_store)
    service = realm_service(reactor, config())
    [port] = await started(service)
    monkeypatch.setattr(stores[0], "commit", lambda batch: fail(StoreFailed("the disk is gone")))

    def register() -> dict[str, Any] | None:
        with Connection(socket.create_connection(("127.0.0.1", port), 10)) as client:
            client.write(do="register", user="amsal", password="jakarta")
            return client.read()

    answer = await deferToThread(register)
    assert answer is None or answer.get("status") != "OK"
    with pytest.raises(CannotServe, match=r"^the store memory: failed; the log says why$"):
        await service.when_finished()
    assert logged_failures.take(StoreFailed)


@ensureDeferred
@pytest.mark.parametrize("commit", [1, 2, 4])  # of the epoch, and of the first and the last user of the lab
async def test_a_store_that_fails_while_it_starts_ends_the_start(
    monkeypatch: pytest.MonkeyPatch, logged_failures: LoggedFailures, tmp_path: Path, commit: int
) -> None:
    batches: list[Batch] = []

    def open_store(url: str, reactor: Any, newest: Path | None) -> IStore:
        opened = real(url, reactor, newest)
        stored = opened.commit

        def commit_or_fail(batch: Batch) -> Deferred[Any]:
            batches.append(batch)
            return fail(StoreFailed("the disk is gone")) if len(batches) == commit else stored(batch)

        monkeypatch.setattr(opened, "commit", commit_or_fail)
        return opened

    real = store_module.open_store
    store = f"sqlite:///{tmp_path / 'alpha.db'}"
    with monkeypatch.context() as broken:
        broken.setattr("chatproto.opening.open_store", open_store)
        service = realm_service(reactor, config(store=store))
        service.startService()
        with pytest.raises(CannotServe, match=r"; the log says why$|the disk is gone$"):
            await service.when_started().addTimeout(10, reactor)
        with pytest.raises(CannotServe):
            await service.when_finished().addTimeout(10, reactor)
    assert logged_failures.take(StoreFailed)
    again = realm_service(reactor, config(store=store))
    await started(again)
    await again.stopService()


@ensureDeferred
async def test_the_control_socket_is_never_open_to_others(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        service = realm_service(reactor, config(control=str(tmp_path / "control")))
        await started(service)
        assert (tmp_path / "control").stat().st_mode & 0o777 == 0o600
        assert os.umask(0) == 0, "the mask is as before"
    finally:
        os.umask(mask)
    await service.stopService()
    assert not (tmp_path / "control").exists()


@ensureDeferred
async def test_several_callers_may_wait_for_one_outcome() -> None:
    service = realm_service(reactor, config())
    waiting: list[Deferred[Any]] = [service.when_started(), service.when_started(), service.when_finished()]
    await started(service)
    assert (await waiting[0]) == (await waiting[1])
    await deferLater(reactor, 0)
    await service.stopService()
    await waiting[2]
