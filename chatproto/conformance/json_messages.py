"""Our own protocol: sending, hearing and reading messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chatproto.conformance.checks import Checks
from chatproto.conformance.json_lines import JsonClient, login, login_as
from chatproto.conformance.people import fresh
from chatproto.conformance.trial import Trial

CHECKS = Checks("json")
#: The longest text.
_TEXT = 16 * 1024


def texts(messages: list[dict[str, Any]]) -> list[object]:
    """Return what was said."""
    return [message.get("text") for message in messages]


def page(client: JsonClient, other: str, **more: Any) -> list[dict[str, Any]]:
    """Return a page of a conversation."""
    reply = client.ok("history", **{"with": other}, **more)
    messages: list[dict[str, Any]] = client.member(reply, "messages", list)
    client.member(reply, "complete", bool)
    return messages


@CHECKS("design 5", "send to one: OK with mid and seq, an integer below 2^53")
def send_gives_mid_and_seq(trial: Trial) -> None:
    messi, henderson = login(trial, 0), login(trial, 1)
    reply = messi.ok("send", to=henderson.user, text="halo")
    realm = messi.address.partition("@")[2]
    if not messi.member(reply, "mid", str).startswith(f"{realm}/"):
        messi.wrong(f'"mid": "{realm}/..."')
    if not 0 < messi.member(reply, "seq", int) < 2**53:
        messi.wrong('"seq", above 0 and below 2^53')


@CHECKS("design 5", "send to a list: results with to, mid and seq, one message for each")
def send_to_a_list(trial: Trial) -> None:
    messi, *others = (login(trial, number) for number in range(3))
    reply = messi.ok("send", to=[other.user for other in others], text="halo semua")
    results = messi.member(reply, "results", list)
    if len({result.get("mid") for result in results if isinstance(result, dict)}) != 2:
        messi.wrong('"results" with a "mid" of its own for each recipient')
    for other in others:
        if texts(page(other, messi.user))[-1:] != ["halo semua"]:
            other.wrong("the message in the history")


@CHECKS("design 5", "If one of a list is impossible nothing is stored, and the error names it")
def a_list_is_stored_whole_or_not_at_all(trial: Trial) -> None:
    messi, henderson = login(trial, 0), login(trial, 1)
    nobody, before = fresh(), len(page(henderson, messi.user))
    reply = messi.refused("send", "no-such-user", to=[henderson.user, nobody], text="setengah")
    if nobody not in reply["message"]:
        messi.wrong(f'a "message" that names {nobody}')
    if len(page(henderson, messi.user)) != before:
        henderson.wrong("nothing of a refused list in the history")


@CHECKS("design 5", "send to somebody who does not exist: no-such-user")
def send_to_nobody_in_json(trial: Trial) -> None:
    login(trial, 0).refused("send", "no-such-user", to=fresh(), text="halo")


@CHECKS(
    "design 5", "The same cid with the same content gets the first reply again; with other content cid-reused"
)
def a_cid_may_be_repeated(trial: Trial) -> None:
    messi, henderson = login(trial, 0), login(trial, 1)
    cid = fresh("c")
    first = messi.ok("send", to=henderson.user, text="sekali", cid=cid)
    again = messi.ok("send", to=henderson.user, text="sekali", cid=cid)
    if (first["mid"], first["seq"]) != (again["mid"], again["seq"]):
        messi.wrong(f'"mid": "{first["mid"]}" and "seq": {first["seq"]} again')
    messi.refused("send", "cid-reused", to=henderson.user, text="lain", cid=cid)
    seen = [message["mid"] for message in page(henderson, messi.user)]
    if seen.count(first["mid"]) != 1 or seen[-1] != first["mid"]:
        henderson.wrong("the message once in the history")


@CHECKS("design 5", "A text has at most 16 KiB of UTF-8, and no NUL; other characters come as they are")
def texts_are_bounded(trial: Trial) -> None:
    messi, henderson = login(trial, 0), login(trial, 1)
    messi.ok("send", to=henderson.user, text="x" * _TEXT)
    messi.refused("send", to=henderson.user, text="x" * (_TEXT + 1))
    messi.refused("send", to=henderson.user, text="é" * (_TEXT // 2 + 1))
    messi.refused("send", to=henderson.user, text="a\0b")
    text = '  café ☕\r\n\tdua baris "kutip" \\ 👋 '
    messi.ok("send", to=henderson.user, text=text)
    if texts(page(henderson, messi.user))[-1] != text:
        henderson.wrong("the text as it was sent")


@CHECKS(
    "design 5", "After listen, and only then, messages come as events with seq, mid, from, to, text and at"
)
def listen_brings_events(trial: Trial) -> None:
    messi, henderson, silent = login(trial, 0), login(trial, 1), login(trial, 1)
    reply = henderson.ok("listen")
    henderson.member(reply, "seq", int)
    henderson.member(reply, "epoch", str)
    sent = messi.ok("send", to=henderson.user, text="halo")
    event = henderson.event(
        seq=sent["seq"], mid=sent["mid"], to=henderson.address, text="halo", **{"from": messi.address}
    )
    try:
        zone = datetime.fromisoformat(str(event.get("at"))).utcoffset()
    except ValueError:
        zone = None
    if zone is None or zone.total_seconds():
        henderson.wrong('"at", RFC 3339 in UTC')
    silent.silent()


@CHECKS("design 5", "listen with after first replays what was missed, then goes on")
def listen_replays(trial: Trial) -> None:
    messi, henderson = login(trial, 0), login(trial, 1)
    start = henderson.ok("listen")["seq"]
    henderson.close()
    for number in range(3):
        messi.ok("send", to=trial.people[1].user, text=f"lewat {number}")
    again = login(trial, 1)
    again.ok("listen", after=start)
    for number in range(3):
        again.event(text=f"lewat {number}")
    messi.ok("send", to=again.user, text="baru")
    again.event(text="baru")


@CHECKS("design 5", "listen with an epoch that is unknown: reset: true")
def listen_with_an_unknown_epoch(trial: Trial) -> None:
    client = login(trial, 0)
    if client.ok("listen", after=1, epoch=fresh("e")).get("reset") is not True:
        client.wrong('"reset": true')


@CHECKS("design 5", "A device's own messages are left out unless own is true")
def own_messages(trial: Trial) -> None:
    messi, henderson = login(trial, 0), login(trial, 1)
    messi.ok("listen")
    messi.ok("send", to=henderson.user, text="dari saya")
    messi.silent()
    other = login(trial, 0)
    other.ok("listen", own=True)
    other.tell(do="send", id="s", to=henderson.user, text="lagi")
    lines = [other.line(), other.line()]
    if [line.get("text") for line in lines if "event" in line] != ["lagi"]:
        other.wrong("the own message as an event, beside the reply")


@CHECKS("design 5", "ack moves the cursor of a named device")
def ack_is_taken(trial: Trial) -> None:
    messi, henderson = login(trial, 0), login(trial, 1, device="kit")
    henderson.ok("listen")
    seq = messi.ok("send", to=henderson.user, text="sampai")["seq"]
    henderson.event(text="sampai")
    henderson.ok("ack", seq=seq)


@CHECKS(
    "design 5",
    "history: oldest first; after gives the first, before or nothing the last; complete says that nothing is left",
)
def history_by_pages(trial: Trial) -> None:
    messi, henderson = login_as(trial, trial.people.new()), login(trial, 1)
    sent = [messi.ok("send", to=henderson.user, text=str(number))["seq"] for number in range(5)]
    for client, other in ((messi, henderson), (henderson, messi)):
        for name in (other.user, other.address):
            if texts(page(client, name)) != ["0", "1", "2", "3", "4"]:
                client.wrong("five messages, oldest first")
    for more, expected, complete in (
        ({"limit": 2}, ["3", "4"], False),
        ({"limit": 2, "after": 0}, ["0", "1"], False),
        ({"limit": 2, "after": sent[2]}, ["3", "4"], True),
        ({"limit": 2, "before": sent[2]}, ["0", "1"], True),
    ):
        reply = henderson.ok("history", **{"with": messi.user}, **more)
        if texts(reply["messages"]) != expected or reply["complete"] is not complete:
            henderson.wrong(f'the texts {expected} and "complete": {str(complete).lower()}')
    henderson.refused("history", **{"with": messi.user}, limit=201)


@CHECKS("design 5", "conversations with their unread counts, which read brings down")
def unread_counts(trial: Trial) -> None:
    messi, henderson = login_as(trial, trial.people.new()), login_as(trial, trial.people.new())
    for text in ("satu", "dua"):
        seq = messi.ok("send", to=henderson.user, text=text)["seq"]
    for expected in (2, 0):
        found = henderson.ok("conversations").get("conversations")
        with_messi = [each for each in found or () if each.get("with") == messi.address]
        if [each.get("unread", 0) for each in with_messi] != [expected]:
            henderson.wrong(f'one conversation with {messi.address} and "unread": {expected}')
        henderson.ok("read", **{"with": messi.user}, seq=seq)
