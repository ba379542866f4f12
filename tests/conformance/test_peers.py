"""The kit as an original server, against servers that treat others wrongly."""

from __future__ import annotations

import json
import socket
from typing import Any

from tests.conformance.student import StudentServer, wrong
from tests.serving import here


class Linking(StudentServer):
    """With ``addrealm``, which sends ``request`` to the address and takes any answer for a yes."""

    def __init__(self, request: str) -> None:
        super().__init__()
        self._request = request

    def answer(self, line: str) -> dict[str, Any]:
        match line.split(" "):
            case ["addrealm", realm, host, port, *_]:
                with socket.create_connection((host, int(port)), 5) as peer:
                    peer.sendall(self._request.format(realm=realm, host=host, port=port).encode())
                    if self._request.endswith("\r\n"):
                        peer.recv(1024)
                return {"status": "OK"}
            case ["sendprivaterealm" | "sendfilerealm", *_]:
                return {"status": "OK", "message": "Message Sent to Realm"}
            case ["recvrealmprivatemsg", *_]:
                return {"status": "OK"}
        return super().answer(line)


def result(server: StudentServer, check: str) -> dict[str, Any]:
    ran = here(
        *("conformance", server.address, "--level", "B", "--only", check),
        *("--json", "-", "--patience", "0.5"),
    )
    (found,) = json.loads(ran.stdout)["checks"]
    return dict(found)


def test_a_request_without_its_end() -> None:
    with Linking("recvrealm {realm} {host} {port}") as server:
        found = result(server, "addrealm-links-an-original")
    assert found["outcome"] == "failed"
    assert found["seen"].startswith("no request") or "recvrealm" in found["seen"]


def test_a_realm_that_is_added_twice() -> None:
    with Linking("recvrealm {realm} {host} {port}\r\n") as server:
        found = result(server, "addrealm-links-an-original")
    assert found["expected"] == '"status": "ERROR" with a "message": "Realm sudah ada"'


def test_a_message_that_never_arrives() -> None:
    with Linking("recvrealm {realm} {host} {port}\r\n") as server:
        found = result(server, "a-text-goes-to-an-original")
        error = result(server, "an-error-of-an-original")
    assert found["expected"].startswith("the request 'recvrealmprivatemsg messi ")
    assert error["expected"] == '"status": "ERROR" with a "message": "User Tidak Ditemukan"'


def test_strangers_who_are_believed() -> None:
    with Linking("recvrealm {realm} {host} {port}\r\n") as server:
        found = result(server, "strangers-are-no-servers")
    assert found["outcome"] == "failed"
    assert found["sent"].startswith("stranger: recvrealmprivatemsg penipu ")


def test_another_address_of_the_machine_that_is_believed() -> None:
    with Linking("recvrealm {realm} {host} {port}\r\n") as server:
        found = result(server, "another-address-is-a-stranger")
    assert found["outcome"] == "failed"
    assert found["sent"].startswith("stranger: recvrealmprivatemsg penipu ")


class Knowing(StudentServer):
    """Which knows another server from before, wherever on the machine it comes from."""

    def answer(self, line: str) -> dict[str, Any]:
        match line.split(" "):
            case ["recvrealmprivatemsg"]:
                return wrong("--Protocol Tidak Benar")
            case ["server", *_]:
                return {"status": "OK", "message": "Message Sent"}
        return super().answer(line)


def test_a_server_that_knows_one_from_before() -> None:
    with Knowing() as server:
        found = result(server, "strangers-are-no-servers")
    assert found["outcome"] == "skipped"
    assert found["why"].startswith("the server knows another one at this address")


def test_without_addrealm_what_needs_it_is_skipped() -> None:
    with StudentServer() as server:
        found = result(server, "a-text-goes-to-an-original")
    assert (found["outcome"], found["why"]) == ("skipped", "addrealm was refused: **Protocol Tidak Benar")
