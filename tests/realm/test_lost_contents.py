"""Files whose contents are not there, as in an older copy of their folder: whoever asks hears the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.logger import capturedLogs

from chatproto import commands
from chatproto.errors import FileGone
from chatproto.events import StoredFilePage
from chatproto.realm.handlers import storage
from tests.realm.filing import Files
from tests.realm.house import House


def test_a_file_without_its_content_is_gone_for_all_and_the_log_says_so_once(
    house: House, tmp_path: Path
) -> None:
    house.add("henderson")
    messi, henderson = Files(house.client("messi")), Files(house.client("henderson"))
    sent = [messi.send("henderson", data).mid for data in (b"halo", b"dunia")]
    session = messi.client.session

    def states() -> list[str]:
        listed = house.wait(storage.files_list(session, None, commands.FilesList()))
        assert isinstance(listed, StoredFilePage)
        assert [each.state for each in listed.files] == [
            henderson.client.ask(commands.About(file=mid)).state for mid in sent
        ]
        return [each.state for each in listed.files]

    assert states() == ["stored", "stored"]
    before = dict(house.file_disk.contents)
    house.file_disk.contents.clear()
    assert states() == ["gone", "gone"]
    with capturedLogs() as events:
        for mid in sent * 2:
            with pytest.raises(FileGone):
                henderson.fetch(mid)
    assert [event["mid"] for event in events if "mid" in event] == sent[:1]
    copy = commands.FilesExport(file=sent[0], path=str(tmp_path / "x"))
    with pytest.raises(FileGone):
        house.wait(storage.files_export(session, None, copy))
    # As it is again when the folder is.
    house.file_disk.contents.update(before)
    assert states() == ["stored", "stored"]
    assert henderson.fetch(sent[0]) == b"halo"
