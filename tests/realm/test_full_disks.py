"""What the log has of files that there is no room for."""

from __future__ import annotations

import pytest
from twisted.logger import capturedLogs

from chatproto.errors import FileTooLarge, StoreFull
from tests.realm.filing import Files
from tests.realm.house import House


def test_a_file_that_never_fits_is_too_large(house: House) -> None:
    house.add("henderson")
    messi = Files(house.client("messi"))
    house.file_disk.size = house.file_disk.capacity = 10
    with capturedLogs() as events, pytest.raises(FileTooLarge, match="more than 10 bytes"):
        messi.upload("henderson", 11)
    assert not [event for event in events if "room" in event]


def test_an_upload_that_has_no_room_is_told_to_the_log_though_not_each_time(house: House) -> None:
    house.add("henderson")
    messi = Files(house.client("messi"))
    house.file_disk.capacity = 10
    with capturedLogs() as events:
        for seconds in (1, 1, 60):
            with pytest.raises(StoreFull):
                messi.upload("henderson", 11)
            house.clock.advance(seconds)
    assert [(event["size"], event["room"]) for event in events if "room" in event] == [(11, 10)]
    with capturedLogs() as events, pytest.raises(StoreFull):
        messi.upload("henderson", 12)
    assert [(event["size"], event["room"]) for event in events if "room" in event] == [(12, 10)]
