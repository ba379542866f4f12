"""The store of examples/custom_store.py keeps what every store has to promise."""

from pathlib import Path

import pytest

from chatproto.executors import InlineExecutor
from chatproto.testing.store_contract import StoreContract
from examples.custom_store import JournalStore


class JournalPlace:
    def __init__(self, path: Path) -> None:
        self.path = path

    def store(self) -> JournalStore:
        return JournalStore(self.path, InlineExecutor())


class TestJournalStore(StoreContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> JournalPlace:
        return JournalPlace(tmp_path / "alpha.journal")
