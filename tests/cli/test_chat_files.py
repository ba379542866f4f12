"""Files in ``chatproto chat``, as a person sees them: with a real realm and an emulated screen."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from prompt_toolkit.document import Document
from prompt_toolkit.utils import get_cwidth

from chatproto.cli.completing import Names
from chatproto.cli.conversations import Conversations
from chatproto.cli.gauge import Gauges
from chatproto.cli.printing import Printing
from chatproto.cli.shelf import MOST, Shelf
from chatproto.cli.slashes.files import as_path
from chatproto.client import FileInfo, Progress, Stage
from chatproto.events import HistoryItem
from tests.cli.prompts import CTRL_C, ENTER, TAB, House, Person, at_home
from tests.cli.test_chat_prompt import talks

#: Large enough to be seen on its way.
BYTES = os.urandom(1024) * 12 * 1024


def item(name: str, number: int = 1, size: int = 1_234_567) -> HistoryItem:
    file = FileInfo(id=f"alpha/{number}", name=name, size=size, sha256="0" * 64)
    return HistoryItem(
        seq=number,
        mid=file.id,
        from_="lineker@alpha",
        to="messi@alpha",
        text="",
        at="2026-11-21T08:00:00Z",
        kind="file",
        file=file,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "rencana liburan.pdf"
    path.write_bytes(BYTES)
    return path


async def fills(house: House, person: Person) -> None:
    """Let the realm's disk be full in the middle of a file."""
    await person.until(lambda: house.files.used > 500_000)
    house.files.capacity = 0


# At the terminal


@at_home
async def test_a_file_is_sent_and_saved_while_they_talk(
    house: House, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, here = tmp_path / "in", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    messi, lineker = await house.sits_down("messi", columns=100), await house.sits_down("lineker")
    await talks(messi, "/to lineker")
    messi.type(f"/file ../{path.name[:-14]}", TAB)  # which fits into a line
    await messi.sees(path.name)
    messi.type(ENTER, "here it comes", ENTER)
    await messi.sees("[file] rencana liburan.pdf, 12.6 MB (/save 1)", "messi: here it comes")
    await lineker.sees("[messi] [file] rencana liburan.pdf, 12.6 MB (/save 1)", "messi 2")
    await talks(lineker, f"/save 1 {folder}")
    await lineker.sees("-- saved", "(12.6 MB)")
    assert (folder / path.name).read_bytes() == BYTES
    await talks(lineker, "/to messi", f"/save {path.name} {folder}", "/save", "/save 7")
    await lineker.sees("error: there is no file 7 here")
    await talks(messi, "/save", "/cancel", "/file /nowhere/x", "/file /")
    await messi.sees("error: nobody has sent you a file here", "error: nothing is being sent or saved")
    await messi.sees("/nowhere/x: no such file or directory", "/: not a file")
    await lineker.until(lambda: [each.name for each in here.iterdir()] == [path.name])
    assert not lineker.terminal.error


@at_home
async def test_a_bar_shows_how_far_it_is_and_why_it_waits(house: House, path: Path) -> None:
    messi, bot = await house.sits_down("messi", columns=120), await house.bot("lineker")
    await talks(messi, "/to lineker", f"/file {path}")
    await fills(house, messi)
    messi.type("meanwhile")
    await messi.sees("rencana liburan.pdf to lineker", "disk is full", "lineker> meanwhile")
    bar = next(line for line in messi.screen if "disk is full" in line)
    assert "━" in bar
    assert re.search(" [1-9][0-9]?%", bar)
    await house.stop()
    await messi.sees("%", "no connection, trying again")
    await messi.until(lambda: any("no connection" in line and "rencana" in line for line in messi.screen))
    house.files.capacity = 100_000_000
    await house.start()
    await messi.sees("[file] rencana liburan.pdf", "lineker> meanwhile")
    assert not any("━━━" in line and "rencana" in line for line in messi.screen)
    await house.done(bot.connect())
    [sent] = (await house.done(bot.history("messi"))).messages
    assert sent.file is not None
    assert sent.file.size == len(BYTES)


@at_home
async def test_who_leaves_is_told_what_is_not_finished(house: House, path: Path) -> None:
    messi, _ = await house.sits_down("messi", columns=100), await house.bot("lineker")
    await talks(messi, "/to lineker", f"/file {path}")
    await fills(house, messi)
    await messi.sees("rencana liburan.pdf to lineker", "%")
    messi.type(CTRL_C, CTRL_C)
    await messi.task
    assert messi.shown[-1].startswith("error: rencana liburan.pdf to lineker: not finished; the same command")


@at_home
async def test_what_is_cancelled_is_forgotten_by_the_realm(house: House, path: Path) -> None:
    messi, bot = await house.sits_down("messi", columns=100), await house.bot("lineker")
    await talks(messi, "/to lineker", f"/file {path}")
    await fills(house, messi)
    await messi.sees("disk is full")
    assert house.files.parts
    await talks(messi, "/cancel other", "/cancel")
    await messi.sees("error: other is not on its way", "-- ended")
    assert not house.files.parts
    assert not any("━━━" in line and "rencana" in line for line in messi.screen)
    assert not (await house.done(bot.history("messi"))).messages


# How it looks


@pytest.mark.parametrize("width", [100, 79, 59, 40, 20])
def test_bars_fit_into_any_terminal(width: int) -> None:
    seconds = iter(range(1000))
    gauges = Gauges(lambda: float(next(seconds)))
    under_way = {
        1: (
            "foto liburan 你好你好 yang panjang sekali.jpg to henderson",
            Progress(Stage.SENDING, 10**6, 10**7),
        ),
        2: ("saving x\x1b[31m\n.pdf [bold]", Progress(Stage.WAITING, 10**6, 10**7, "no connection\x07")),
    }
    gauges.drawn(under_way, width)
    colourless = _without_colours(gauges.drawn(under_way, width))
    lines = colourless.splitlines()
    assert len(lines) == 2
    assert all(get_cwidth(line) <= width for line in lines)
    assert not {"\x1b", "\x07"} & set(colourless)
    assert "10%" in lines[0]
    assert "[bold]" in lines[1] or width < 100
    assert gauges.drawn({}, width) == ""


def _without_colours(text: str) -> str:
    import re

    return re.sub("\x1b\\[[0-9;]*m", "", text)


def test_a_message_that_is_a_file_has_its_name_size_and_number_and_controls_nothing() -> None:
    printing = Printing(colours=False)
    printing.own = "messi@alpha"
    nasty = item("x\x1b]0;title\x07\u202efdp.exe")
    shown = "[file] x\\x1b]0;title\\x07\\u202efdp.exe, 1.2 MB"
    assert printing.spoken(nasty).endswith(f"lineker: {shown} (/save 1)")
    assert printing.glimpse(nasty).endswith(f"[lineker] {shown} (/save 1)")
    assert printing.listed(nasty).endswith(f"lineker: {shown} (alpha/1)")
    assert "(/save 2)" in printing.spoken(item("plan.pdf", 2, 0))


def test_files_keep_their_numbers_and_the_oldest_are_forgotten() -> None:
    shelf = Shelf()
    assert [shelf.number(item("a", number)) for number in (1, 2, 1)] == [1, 2, 1]
    assert shelf.find("1") is shelf.find("alpha/1") is not None
    newest = shelf.find("a")
    assert newest is not None
    assert newest.id == "alpha/2"
    for number in range(3, MOST + 3):
        shelf.number(item("b", number))
    assert shelf.find("1") is shelf.find("alpha/1") is shelf.find("2") is None
    assert shelf.find("3") is not None
    assert len(shelf.names()) == MOST


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("plan.pdf", "plan.pdf"),
        ("'my plan.pdf'", "my plan.pdf"),
        ('"my plan.pdf"', "my plan.pdf"),
        ("my\\ plan.pdf", "my plan.pdf"),
        ("my plan.pdf", "my plan.pdf"),
        ("'", "'"),
    ],
)
def test_paths_are_taken_as_people_type_them(typed: str, path: str) -> None:
    assert as_path(typed) == Path(path)


def test_the_home_folder_is_known() -> None:
    assert as_path("~/plan.pdf") == Path.home() / "plan.pdf"


def test_paths_and_files_are_completed(tmp_path: Path) -> None:
    (tmp_path / "one two.txt").touch()
    (tmp_path / "three").mkdir()
    printing = Printing(colours=False)
    printing.shelf.number(item("plan.pdf"))
    names = Names(Conversations(lambda: 0.0), printing, current=lambda: None, ask=lambda: None)

    def completed(typed: str) -> list[str]:
        found = names.get_completions(Document(typed), None)  # type: ignore[arg-type]  # it is not looked at
        return [typed[: len(typed) + each.start_position] + each.text for each in found]

    assert completed(f"/file {tmp_path}/o") == [f"/file {tmp_path}/one two.txt"]
    assert completed(f"/file {tmp_path}/one t") == [f"/file {tmp_path}/one two.txt"]
    assert completed("/save ") == ["/save 1"]
    assert completed(f"/save 1 {tmp_path}/t") == [f"/save 1 {tmp_path}/three"]
