"""What every store promises, on every store."""

from chatproto.testing.store_contract import StoreContract


class TestStores(StoreContract):
    """``place`` is of each kind that ``conftest.py`` names."""
