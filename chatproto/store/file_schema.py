"""The tables of files, and of uploads that are not finished."""

from __future__ import annotations

from sqlalchemy import Index, Table, text

from chatproto.records import FileState
from chatproto.store.columns import key as _key
from chatproto.store.columns import metadata
from chatproto.store.columns import name as _name
from chatproto.store.columns import number as _number

#: Which files are to be fetched, which a client brought here, and which came from other realms. A condition
#: that stands so in a question, too, lets its index be used; each index then has only the rows it is for.
IS_WANTED = text(f"state = '{FileState.WANTED}'")
IS_OURS = text("realm = ''")
IS_THEIRS = text("realm <> ''")
#: Which uploads have a cid.
HAS_CID = text("cid <> ''")

files = Table(
    "files",
    metadata,
    _key("mid"),
    _number("seq"),
    _number("conversation"),
    _name("realm"),
    _name("sender"),
    _name("recipient"),
    _name("name"),
    _number("size"),
    _name("sha256"),
    _name("type"),
    _number("at"),
    _name("state"),
    # Pages for the operator.
    Index("files_seq", "seq"),
    # Whether a content is still needed.
    Index("files_sha256", "sha256"),
    Index("files_wanted", "realm", "seq", sqlite_where=IS_WANTED, postgresql_where=IS_WANTED),
    # What is asked before each file, for the quotas.
    Index("files_sent", "sender", "at", sqlite_where=IS_OURS, postgresql_where=IS_OURS),
    Index("files_came", "realm", "at", sqlite_where=IS_THEIRS, postgresql_where=IS_THEIRS),
)

uploads = Table(
    "uploads",
    metadata,
    _key("mid"),
    _name("account"),
    _name("cid"),
    _name("to"),
    _name("name"),
    _number("size"),
    _name("sha256"),
    _name("type"),
    _number("began"),
    Index("uploads_account", "account"),
    Index("uploads_cid", "account", "cid", unique=True, sqlite_where=HAS_CID, postgresql_where=HAS_CID),
)
