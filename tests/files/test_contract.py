"""All stores of contents keep what they promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from zope.interface.verify import verifyObject

from chatproto.interfaces import IFileStore
from chatproto.testing.store_contract import FileStoreContract
from tests.files.places import FolderPlace, MemoryPlace


class TestMemory(FileStoreContract):
    @pytest.fixture
    def place(self) -> MemoryPlace:
        return MemoryPlace()


class TestFolder(FileStoreContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> FolderPlace:
        return FolderPlace(tmp_path / "files")


class TestFolderInThreads(FileStoreContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> FolderPlace:
        from twisted.internet import reactor as installed

        reactor: Any = installed
        return FolderPlace(tmp_path / "files", reactor)


def test_they_provide_the_interface(tmp_path: Path) -> None:
    for place in (MemoryPlace(), FolderPlace(tmp_path)):
        assert verifyObject(IFileStore, place.store())
