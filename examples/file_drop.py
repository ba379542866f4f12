"""A bot that saves the files it is sent, up to a quota. Killed and started again, it misses none.

CHATPROTO_PASSWORD=... python examples/file_drop.py 127.0.0.1:8889 drop FOLDER MEGABYTES
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.task import react

from chatproto import ChatClient, ChatError, Message

#: A file may be on its way from a realm that is away; the others should not wait for it.
PATIENCE = 60.0


def recall(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {"after": 0, "epoch": None, "used": 0}


def remember(path: Path, state: dict[str, Any]) -> None:
    """Replace what the bot knows, as a whole."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(state))
    new.replace(path)


async def main(reactor: PosixReactorBase, place: str, user: str, folder: str, megabytes: str = "100") -> None:
    memory = Path(folder, ".file_drop.json")
    state = recall(memory)
    chat = ChatClient(
        reactor,
        f"tcp:{place}",
        user=user,
        password=os.environ["CHATPROTO_PASSWORD"],
        register=True,
        device="drop",
        after=state["after"],
        epoch=state["epoch"],
    )

    async def take(message: Message) -> str:
        """Save a file and return the answer. To save one again that is there already does nothing."""
        assert message.file is not None
        if state["used"] + message.file.size > float(megabytes) * 1e6:
            return f"there is no room for {message.file.name}"
        try:
            path = await chat.save(message, folder).addTimeout(PATIENCE, reactor)
        except ChatError as error:
            return f"not saved: {error.text}"
        except (OSError, DeferredTimeoutError) as error:
            return f"not saved: {type(error).__name__}"
        state["used"] += message.file.size
        return f"saved {path.name}, {message.file.size} bytes"

    await chat.connect()
    print(chat.address, "is online", flush=True)
    async for message in chat.messages():
        if message.file is not None and message.to == chat.address != message.from_:
            text = await take(message)
            print(message.from_, text, flush=True)
            try:
                # As in tally_bot.py: the same file gets the same answer, once.
                await chat.send(message.from_, text, cid="drop-" + message.mid.partition("/")[2])
            except ChatError as error:
                print("not sent:", error.code, flush=True)
        state["after"], state["epoch"] = chat.reached
        remember(memory, state)


if __name__ == "__main__":
    react(main, sys.argv[1:])
