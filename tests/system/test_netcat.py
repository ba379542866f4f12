"""A talk through netcat: a client that knows nothing of us, and lines typed as a person types them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

from tests.serving import SECONDS
from tests.system.running import PASSWORD, RunningRealm


def netcat(tool: str, port: int, *lines: str) -> list[dict[str, object]]:
    """Send lines, then the end of input, and return every JSON object that came before the other end."""
    done = subprocess.run(
        [tool, "-N", "127.0.0.1", str(port)],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line]


def test_two_people_talk_through_netcat(server: RunningRealm, require: Callable[[str], str]) -> None:
    tool = require("nc")
    sent = netcat(tool, server.port, f"auth messi {PASSWORD}", "send henderson hello son", "logout")
    assert [reply["status"] for reply in sent] == ["OK", "OK", "OK"]
    _, box = netcat(tool, server.port, f"auth henderson {PASSWORD}", "inbox")
    assert box["messages"] == {
        "messi": [{"msg_from": "Lionel Messi", "msg_to": "Jordan Henderson", "msg": "hello son"}]
    }


def test_json_lines_from_a_file_are_all_answered(server: RunningRealm, require: Callable[[str], str]) -> None:
    login = json.dumps({"do": "login", "user": "messi", "password": PASSWORD})
    sends = [json.dumps({"do": "send", "to": "lineker", "text": f"{n}", "id": n}) for n in range(1000)]
    logged_in, *replies = netcat(require("nc"), server.port, login, *sends)
    assert logged_in["address"] == "messi@alpha"
    assert [(reply["re"], reply["status"]) for reply in replies] == [(n, "OK") for n in range(1000)]


def test_a_listener_hears_what_is_sent_while_it_waits(
    server: RunningRealm, require: Callable[[str], str]
) -> None:
    login = json.dumps({"do": "login", "user": "lineker", "password": PASSWORD})
    with subprocess.Popen(
        [require("nc"), "127.0.0.1", str(server.port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as listener:
        assert listener.stdin is not None
        assert listener.stdout is not None
        try:
            listener.stdin.write(f'{login}\n{{"do": "listen"}}\n')
            listener.stdin.flush()
            assert "token" in json.loads(listener.stdout.readline())
            assert "seq" in json.loads(listener.stdout.readline())
            netcat(require("nc"), server.port, f"auth messi {PASSWORD}", "send lineker gol!")
            event = json.loads(listener.stdout.readline())
            assert (event["from"], event["text"]) == ("messi@alpha", "gol!")
        finally:
            listener.kill()
