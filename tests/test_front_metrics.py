"""The figures of a front."""

from __future__ import annotations

from tests.serving import COMMAND, Server
from tests.system.fronts import until
from tests.test_metrics import CLIENT, METRICS, scrape


def test_a_front_tells_of_its_clients_and_of_its_link() -> None:
    with Server("--realm", "alpha", "--lab", "--store", "memory:", "--listen", CLIENT) as main:
        listen = ("--listen", METRICS, "--listen", CLIENT)
        where = ("--main", f"127.0.0.1:{main.ports[0]}", "--name", "lobby")
        with Server(*where, *listen, command=(*COMMAND, "front")) as front:
            figures_of(main, front)
            assert front.stop() == 0


def figures_of(main: Server, front: Server) -> None:
    assert [line.split()[1] for line in front.lines] == ["client", "metrics", "front"]
    metrics = front.ports[1]
    with front.connect() as messi, front.connect():
        assert messi.ask(do="login", user="messi", password="surabaya")["status"] == "OK"
        assert messi.ask(do="send", to="nobody", text="x")["status"] == "ERROR"
        figures = until(lambda: scrape(metrics), lambda now: now("connections", listener="client") == 2)
        assert figures("replies_total", listener="client") == 1
        assert figures("refusals_total", listener="client", code="no-such-user") == 1
        assert figures("main_link_up") == figures("main_links_total") == figures("main_link_clients") == 1
        assert figures("main_link_requests") == figures("main_link_unsent_bytes") == 0
        assert figures("loop_lag_seconds_sum") < 60
        (info,) = figures.families["chatproto_front_info"].samples
        assert info.labels["front"] == "lobby"
        assert main.stop() == 0
        until(lambda: scrape(metrics), lambda now: now("main_link_up") == 0)
