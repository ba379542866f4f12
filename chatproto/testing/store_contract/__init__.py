"""The tests that every store has to pass, for those who write one.

Derive a class whose name begins with ``Test`` from :class:`StoreContract`, and give it a fixture ``place``;
for a store of the contents of files, from :class:`FileStoreContract`.
This is the only package of the library that needs pytest and pytest-twisted.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import pytest_twisted

# So that a failed assertion shows its values, as in a test module.
pytest.register_assert_rewrite(
    *(
        f"{__name__}.{part}"
        for part in (
            "boxes",
            "contents",
            "files",
            "finding",
            "groups",
            "life",
            "links",
            "log",
            "routes",
            "writing",
        )
    )
)

from chatproto.interfaces import IStore  # noqa: E402
from chatproto.testing.store_contract.boxes import Boxes  # noqa: E402
from chatproto.testing.store_contract.contents import FilePlace, FileStoreContract  # noqa: E402
from chatproto.testing.store_contract.files import Files  # noqa: E402
from chatproto.testing.store_contract.finding import Finding  # noqa: E402
from chatproto.testing.store_contract.groups import Groups  # noqa: E402
from chatproto.testing.store_contract.life import Life  # noqa: E402
from chatproto.testing.store_contract.links import Links  # noqa: E402
from chatproto.testing.store_contract.log import Log  # noqa: E402
from chatproto.testing.store_contract.routes import Routes  # noqa: E402
from chatproto.testing.store_contract.rows import ALPHA, Place  # noqa: E402
from chatproto.testing.store_contract.writing import Writing  # noqa: E402

__all__ = ["FilePlace", "FileStoreContract", "Place", "StoreContract"]


class StoreContract(Life, Writing, Finding, Log, Links, Groups, Routes, Files, Boxes):
    """What every store promises.

    The fixture ``place``, of the subclass or of its module, returns a new, empty :class:`Place`.
    """

    @pytest.fixture
    def store(self, place: Place) -> Iterator[IStore]:
        """Return an open store at the place."""
        store = place.store()
        pytest_twisted.blockon(store.open(ALPHA))
        yield store
        pytest_twisted.blockon(store.close())
