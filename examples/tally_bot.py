"""A bot that counts praise. Killed and started again, it misses no message and counts none twice.

CHATPROTO_PASSWORD=... python examples/tally_bot.py 127.0.0.1:8889 tally tally.json

The account has to exist; ``chatproto user add tally --realm alpha`` makes it. Tell the bot ``+1 henderson``,
``score henderson`` or ``last``.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.task import react

from chatproto import ChatClient, ChatError, Message


class Memory:
    """What the bot knows, and up to which message it knows it: one file, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.state: dict[str, Any] = {"after": 0, "epoch": None, "scores": {}}
        if path.exists():
            self.state = json.loads(path.read_text())

    def save(self) -> None:
        new = self._path.with_suffix(".new")
        with new.open("w") as file:
            json.dump(self.state, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)


async def answer(chat: ChatClient, scores: dict[str, int], message: Message) -> str | None:
    verb, _, rest = message.text.partition(" ")
    match verb:
        case "+1":
            scores[rest] = scores.get(rest, 0) + 1
            return f"{rest} has {scores[rest]}"
        case "score":
            return f"{rest} has {scores.get(rest, 0)}"
        case "last":
            # Up to the question and not further, so that the same question always has the same answer.
            page = await chat.history(message.from_, before=message.seq, limit=3)
            return " / ".join(item.text[:100] for item in page.messages)
    return None


async def main(reactor: PosixReactorBase, place: str, user: str, path: str) -> None:
    memory = Memory(Path(path))
    state = memory.state
    chat = ChatClient(
        reactor,
        f"tcp:{place}",
        user=user,
        password=os.environ["CHATPROTO_PASSWORD"],
        device="tally",
        after=state["after"],
        epoch=state["epoch"],
    )
    await chat.connect()
    print(chat.address, "is online", flush=True)
    async for message in chat.messages():
        if message.kind == "text" and message.to == chat.address != message.from_:
            text = await answer(chat, state["scores"], message)
            if text is not None:
                # The same message gives the same cid: if we were killed before the next lines and see the
                # message again, this is sent again, and stored once.
                cid = "tally-" + message.mid.partition("/")[2]
                try:
                    await chat.send(message.from_, text, cid=cid)
                except ChatError as error:  # it stays refused: the asker has blocked us, for example
                    print("not sent:", error.code, flush=True)
        state["after"], state["epoch"] = chat.reached
        memory.save()


if __name__ == "__main__":
    react(main, sys.argv[1:])
