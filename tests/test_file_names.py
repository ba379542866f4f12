"""Names of files: whatever a peer says, they are safe to create, and they are what was meant."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatproto.names import FILE_NAME_BYTES, clean_file_name, cut_file_name


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("plan.pdf", "plan.pdf"),
        ("foto liburan (2).jpg", "foto liburan (2).jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\messi\\x.txt", "x.txt"),
        ("C:x", "C_x"),
        ("/", "file"),
        ("", "file"),
        ("..", "file"),
        (". . .", "file"),
        (".bashrc", "bashrc"),
        ("a\x1b[31mb\r\n.txt\x00", "a[31mb.txt"),
        ("gpj.\u202eexe", "gpj.exe"),
        ("e\u0301t\u200de\u0301", "\u00e9t\u00e9"),
        ("\udcff.txt", "txt"),
        ("-rf", "_rf"),
        (". -rf", "_rf"),
        ("--", "_-"),
        ("a-b.txt", "a-b.txt"),
        ("nul", "_nul"),
        ("COM1.tar.gz", "_COM1.tar.gz"),
        ("console", "console"),
        ("trailing. . ", "trailing"),
        ("写真.jpg", "写真.jpg"),
        ("é" * 300 + ".jpeg", "é" * 125 + ".jpeg"),
        ("x" * 300, "x" * 255),
        ("x." + "y" * 300, "x." + "y" * 253),
    ],
)
def test_names_are_cleaned(said: str, name: str) -> None:
    assert clean_file_name(said) == name


_TEXT = st.text(st.characters() | st.sampled_from("./\\- \u200d\u202e\u0301conCON1"), max_size=300)


@given(_TEXT)
def test_whatever_is_said_can_be_created_and_stays_as_it_is(said: str) -> None:
    name = clean_file_name(said)
    assert clean_file_name(name) == name
    assert 1 <= len(name.encode()) <= FILE_NAME_BYTES
    assert Path("folder", name).name == name
    assert name == unicodedata.normalize("NFC", name)
    assert not name.startswith((".", "-"))
    assert not {unicodedata.category(character) for character in name} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_a_number_goes_before_the_extension_and_the_name_stays_short_enough() -> None:
    assert cut_file_name("plan.pdf", " (1)") == "plan (1).pdf"
    assert cut_file_name("plan", " (1)") == "plan (1)"
    long = cut_file_name("é" * 200 + ".jpeg", " (12)")
    assert long.endswith("é (12).jpeg")
    assert len(long.encode()) <= FILE_NAME_BYTES
