"""Files of older clients between two linked processes, alone and in a group."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.serving import SECONDS
from tests.system.linked import linked, wait_for
from tests.system.older import OlderClient
from tests.system.test_older_files import MIB, SENT, auth, content_of

END = "\r\n\r\n"


def until_taken(take: Callable[[], list[Any]]) -> list[Any]:
    """Ask again and again, as older clients do, until something is in the box."""
    until = time.monotonic() + SECONDS
    while not (taken := take()):
        assert time.monotonic() < until, "nothing comes"
        time.sleep(0.05)
    return taken


def box(client: OlderClient, sender: str, command: str = "inbox") -> list[Any]:
    """Return what a sender sent; a file as the object that it is."""
    messages = json.loads(client.ask(f"{command} \r\n"))["messages"]
    entries = messages if isinstance(messages, list) else messages.get(sender, [])
    return [json.loads(each) if isinstance(each, str) else each for each in entries]


def test_a_file_reaches_a_user_of_another_realm(tmp_path: Path) -> None:
    content = content_of(os.urandom(8 * MIB))
    with linked(tmp_path) as (alpha, beta):
        wait_for(beta, state="linked")
        with OlderClient(alpha) as messi, OlderClient(beta, 65536) as lineker:
            auth(messi, "messi")
            auth(lineker, "lineker")
            assert (
                messi.ask("send lineker@beta  first \r\n")
                == '{"status": "OK", "message": "Message Sent"}' + END
            )
            assert messi.ask(f"sendfile lineker@beta ../a/goal.mp4 {content}\r\n") == SENT + END
            assert messi.ask("send lineker@beta  last \r\n").startswith('{"status": "OK"')
            taken: list[Any] = []
            while len(taken) < 3:
                taken += until_taken(lambda: box(lineker, "messi@alpha"))
            first, file, last = taken
            assert (first["msg"], last["msg"]) == ("first", "last")
            assert file == {
                "msg_from": "Lionel Messi",
                "msg_to": "Gary Lineker",
                "file_name": "goal.mp4",
                "file_content": content,
            }
            assert box(lineker, "", "receivefile") == [file]
            refused = json.loads(messi.ask("sendfile nobody@beta a.txt b'aGFsbw=='\r\n"))
            assert (refused["status"], refused["message"]) == ("ERROR", "User Tidak Ditemukan")


def test_a_file_reaches_a_group_of_both_realms_and_is_fetched_when_somebody_asks(tmp_path: Path) -> None:
    content = content_of(os.urandom(300_000))
    with linked(tmp_path) as (alpha, beta):
        wait_for(beta, state="linked")
        with OlderClient(alpha) as messi, OlderClient(beta) as lineker:
            auth(messi, "messi")
            auth(lineker, "lineker")
            messi.ask("addgroup fans \r\n")
            assert json.loads(lineker.ask("joingroup fans@alpha \r\n"))["status"] == "OK"
            assert messi.ask(f"sendgroupfile fans a.txt {content}\r\n") == SENT + END
            (file,) = until_taken(lambda: box(lineker, "messi@alpha"))
            assert (file["group"], file["file_name"], file["file_content"]) == (
                "fans@alpha",
                "a.txt",
                content,
            )
            # And the other way: its home has it at once, and its sender too.
            box(messi, "")  # its own; not later, when the other may be there
            assert lineker.ask(f"sendgroupfile fans@alpha b.txt {content}\r\n") == SENT + END
            (file,) = until_taken(lambda: box(messi, "lineker@beta"))
            assert (file["group"], file["file_name"], file["file_content"]) == ("fans", "b.txt", content)
            (own,) = until_taken(lambda: box(lineker, "lineker"))
            assert (own["file_name"], own["file_content"]) == ("b.txt", content)


def test_what_is_on_its_way_waits_while_the_other_realm_is_down(tmp_path: Path) -> None:
    content = content_of(os.urandom(300_000))
    with linked(tmp_path) as (alpha, beta):
        wait_for(beta, state="linked")
        with OlderClient(beta) as lineker:
            auth(lineker, "lineker")
            with OlderClient(alpha) as messi:
                auth(messi, "messi")
                messi.ask("addgroup fans \r\n")
                assert json.loads(lineker.ask("joingroup fans@alpha \r\n"))["status"] == "OK"
                assert messi.ask(f"sendgroupfile fans a.txt {content}\r\n") == SENT + END
            wait_for(alpha, items=0)
            alpha.kill()
            assert lineker.ask("inbox \r\n") == '{"status": "OK", "messages": {}}' + END
            alpha.start()
            (file,) = until_taken(lambda: box(lineker, "messi@alpha"))
            assert file["file_content"] == content
