"""The names that ``chatproto`` offers are the ones it has."""

import chatproto
from chatproto import _HOMES


def test_every_public_name_is_found_where_it_is_said_to_be() -> None:
    assert {*_HOMES, "__version__"} == set(chatproto.__all__)
    for name in chatproto.__all__:
        assert getattr(chatproto, name) is not None


def test_other_names_are_missing_as_usual() -> None:
    assert not hasattr(chatproto, "nothing")
