"""The figures of a realm, scraped over HTTP from one that did something."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher

from chatproto.configuration import configure, settings_from_flags
from chatproto.errors import StoreFull
from chatproto.loop import LoopWatch
from chatproto.realm.meters import Histogram
from tests.realm.house import House
from tests.serving import COMMAND, SECONDS, Server, environment

CLIENT = "client=tcp:0:interface=127.0.0.1"
METRICS = "metrics=tcp:0:interface=127.0.0.1"
#: As in chatproto/metrics.py: answers are the same for so long.
FRESH = 1.0


class Figures:
    """What one scrape said."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self._samples: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        for family in self.families.values():
            for sample in family.samples:
                self._samples[self._key(sample)] = sample.value

    @staticmethod
    def _key(sample: Sample) -> tuple[str, tuple[tuple[str, str], ...]]:
        return sample.name.removeprefix("chatproto_"), tuple(sorted(sample.labels.items()))

    def __call__(self, name: str, **labels: str) -> float:
        return self._samples[name, tuple(sorted(labels.items()))]


def request(port: int, method: str = "GET", path: str = "/metrics", **more: Any) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.request(method, path, **more)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def scrape(port: int) -> Figures:
    status, body = request(port)
    assert status == 200
    return Figures(body.decode())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    arguments = ("--realm", "alpha", "--lab", "--store", f"sqlite:///{tmp_path / 'alpha.db'}")
    with Server(*arguments, "--listen", CLIENT, "--listen", METRICS) as running:
        yield running


def test_a_realm_tells_what_it_did(server: Server) -> None:
    metrics = server.ports[1]
    with server.connect() as messi, server.connect() as lineker, server.connect() as stranger:
        messi.ask(do="login", user="messi", password="surabaya")
        lineker.ask(do="login", user="lineker", password="surabaya")
        assert lineker.ask(do="listen")["status"] == "OK"
        assert stranger.ask(do="login", user="henderson", password="wrong")["code"] == "login-failed"
        assert stranger.ask(do="send", to="messi", text="x")["code"] == "not-logged-in"
        for number in range(20):
            assert messi.ask(do="send", to="lineker", text="halo", cid=f"a:{number}")["status"] == "OK"
        for _ in range(20):
            message = lineker.read()
            assert message is not None
            assert message["event"] == "message"
        assert len(messi.ask(do="history", **{"with": "lineker"})["messages"]) == 20
        figures = scrape(metrics)
    assert figures("messages_total") == 20
    assert figures("batch_entries_count") == figures("commit_seconds_count") >= 20
    assert figures("batch_entries_sum") >= figures("batch_entries_count")
    assert 0 < figures("commit_seconds_sum") <= figures("batch_seconds_sum")
    assert figures("batches_refused_total") == figures("entries_broken_total") == 0
    assert figures("open_rows") == figures("open_bytes") == 0
    assert figures("open_rows_bound") == 8192 * 7 / 8
    assert figures("logins_total", result="ok") == 2
    assert figures("logins_total", result="failed") == 1
    assert figures("refusals_total", listener="client", code="login-failed") == 1
    assert figures("refusals_total", listener="client", code="not-logged-in") == 1
    assert figures("replies_total", listener="client") == 2 + 1 + 20 + 1
    assert figures("connections", listener="client") == 3
    assert figures("connections_opened_total", listener="client") == 3
    assert figures("connections_turned_away_total", listener="client") == 0
    assert figures("connections", listener="control") == 0
    assert figures("large_lines", listener="client", state="taken") == 0
    assert figures("large_lines", listener="client", state="waiting") == 0
    assert figures("sessions", listener="client") == 2
    assert figures("listening", listener="client", state="live") == 1
    assert figures("unsent_bytes", listener="client") == 0
    assert figures("accounts_present") == 2
    assert figures("password_hashes_total") >= 3  # three logins, and those of a lab's users
    assert figures("password_hashes_waiting") == 0
    assert figures("store_reads_total", question="messages") == 1
    assert figures("store_reads_total", question="replay") >= 1
    assert figures("store_read_seconds_total", question="messages") > 0
    assert figures("store_reads_waiting") == 0
    assert figures("loop_lag_seconds_bucket", le="+Inf") == figures("loop_lag_seconds_count")
    assert figures("process_resident_memory_bytes") > 1e6
    assert figures("process_cpu_seconds_total") > 0
    assert figures("process_open_fds") > 5
    (info,) = figures.families["chatproto_realm_info"].samples
    assert info.labels["realm"] == "alpha"
    assert info.labels["store"] == "sqlite"


def test_counting_goes_on_between_two_scrapes(server: Server) -> None:
    metrics = server.ports[1]
    with server.connect() as client:
        client.ask(do="login", user="messi", password="surabaya")
        before = scrape(metrics)
        client.ask(do="send", to="lineker", text="halo")
        assert scrape(metrics)("messages_total") == before("messages_total")  # the same answer, for a second
        deadline = time.monotonic() + SECONDS
        while (after := scrape(metrics))("messages_total") == before("messages_total"):
            assert time.monotonic() < deadline
            time.sleep(FRESH / 10)
    assert after("messages_total") == before("messages_total") + 1
    assert after("loop_lag_seconds_count") > before("loop_lag_seconds_count")
    assert after("loop_lag_seconds_sum") < 60


def test_only_metrics_is_there_and_only_to_be_read(server: Server) -> None:
    for method, path, status in (
        ("HEAD", "/metrics", 200),
        ("GET", "/", 404),
        ("GET", "/metrics/", 404),
        ("GET", "/other", 404),
        ("POST", "/metrics", 405),
    ):
        answered, body = request(server.ports[1], method, path)
        assert answered == status, (method, path)
        assert (body == b"") == (method == "HEAD")


def test_a_request_cannot_fill_the_memory(server: Server) -> None:
    port = server.ports[1]
    assert request(port, "POST", body=b"x" * 100)[0] == 405
    for head in (b"Content-Length: 10000000000", b"Transfer-Encoding: chunked"):
        with socket.create_connection(("127.0.0.1", port), SECONDS) as raw:
            raw.sendall(b"POST /metrics HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n")
            assert raw.makefile("rb").read().startswith(b"HTTP/1.1 413 ")
    with socket.create_connection(("127.0.0.1", port), SECONDS) as raw:
        raw.sendall(b"GET /metrics HTTP/1.1\r\nX-Long: " + b"x" * 100_000)
        assert not raw.makefile("rb").read().startswith(b"HTTP/1.1 200")
    assert request(port)[0] == 200


def test_there_are_few_connections_and_the_end_does_not_wait_for_them(server: Server) -> None:
    port = server.ports[1]
    held = [socket.create_connection(("127.0.0.1", port), SECONDS) for _ in range(16)]
    with socket.create_connection(("127.0.0.1", port), SECONDS) as more:
        assert more.recv(1) == b""
    held.pop().close()
    deadline = time.monotonic() + SECONDS
    while True:  # until the server has noticed
        try:
            assert request(port)[0] == 200
            break
        except (ConnectionError, http.client.HTTPException):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    started = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - started < 4
    for connection in held:
        connection.close()


def test_figures_come_over_tls_as_well(tmp_path: Path) -> None:
    listen = f"metrics=ssl:0:interface=127.0.0.1:selfSigned={tmp_path}:host=localhost"
    with Server("--realm", "alpha", "--store", "memory:", "--listen", CLIENT, "--listen", listen) as server:
        trust = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        # The connection that is held must not hold up the end.
        connection = http.client.HTTPSConnection("localhost", server.ports[1], timeout=SECONDS, context=trust)
        connection.request("GET", "/metrics")
        assert b"chatproto_realm_info" in connection.getresponse().read()
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 4
        connection.close()


def test_metrics_alone_do_not_close_the_realm_to_clients() -> None:
    config = configure(settings_from_flags(realm="alpha", listen=["metrics=tcp:0:interface=127.0.0.1"]))
    assert [listener.name for listener in config.listeners] == ["client", "metrics"]


def test_without_the_extra_it_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "prometheus_client.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'prometheus_client'\", name='prometheus_client')"
    )
    done = subprocess.run(
        [
            *COMMAND,
            "serve",
            "--realm",
            "alpha",
            "--store",
            "memory:",
            "--listen",
            CLIENT,
            "--listen",
            METRICS,
        ],
        env=environment(PYTHONPATH=os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == (
        "chatproto: listen.metrics: needs prometheus_client, which is not installed; "
        "install 'chatproto[metrics]'"
    )


def test_a_histogram_counts_up_to_each_bound() -> None:
    histogram = Histogram((1, 2, 4))
    for value in (0.5, 1, 1.5, 2, 4, 5, -1):
        histogram.observe(value)
    assert histogram.counts == [3, 2, 1, 1]
    assert histogram.sum == 14


def test_a_batch_is_timed_from_its_first_command() -> None:
    house = House()
    messi = house.client("messi")
    house.add("lineker")
    meters = house.realm.meters
    entries, batches = sum(meters.entries.counts), meters.batch_seconds.sum
    messi.send("lineker")
    assert sum(meters.entries.counts) == entries + 1
    assert meters.batch_seconds.sum == batches  # no time passed
    house.faults.refuse_next()
    with pytest.raises(StoreFull):
        messi.send("lineker")
    assert meters.refused == 1
    assert meters.messages == 1


class Blocked:
    """A clock on which calls come late, and the other clock that shows it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.late = 0.0

    def seconds(self) -> float:
        return self.clock.seconds() + self.late


def test_a_blocked_loop_is_measured_and_a_long_block_logged() -> None:
    blocked = Blocked()
    watch = LoopWatch(blocked.clock, blocked.seconds)
    events: list[LogEvent] = []
    observer = cast("ILogObserver", events.append)
    globalLogPublisher.addObserver(observer)
    try:
        watch.start()
        for _ in range(8):
            blocked.clock.advance(0.25)
        assert watch.lag.sum == 0
        assert sum(watch.lag.counts) == 8
        blocked.late += 0.6
        blocked.clock.advance(0.25)
        assert watch.lag.sum == pytest.approx(0.6)
        assert events == []
        blocked.late += 1.5
        blocked.clock.advance(0.25)
    finally:
        globalLogPublisher.removeObserver(observer)
    assert watch.lag.sum == pytest.approx(2.1)
    (event,) = events
    assert event["log_level"] is LogLevel.warn
    assert event["time"] == 1.5
    watch.stop()
    assert blocked.clock.getDelayedCalls() == []
