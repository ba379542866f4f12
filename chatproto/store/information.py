"""What a store says of itself, read beside a realm that may be using it."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from chatproto.errors import StoreError
from chatproto.records import EpochRow
from chatproto.store import reading, schema
from chatproto.store.committing import owner, revision_of
from chatproto.store.database import Database


class Information(Struct, frozen=True, kw_only=True):
    """A store of a realm. ``rows`` is the number of rows by table; ``size`` is in bytes."""

    kind: str
    realm: str
    revision: str
    batch: int
    seq: int
    size: int
    rows: dict[str, int]
    epochs: list[EpochRow]


def describe(database: Database) -> Information:
    """Return what a store says of itself.

    :raises StoreError: it cannot be read, there is none, or one of another version.
    """
    if not database.exists():
        raise StoreError("there is no store")
    try:
        with database.read() as connection:
            revision = revision_of(connection)
            if revision is None:
                raise StoreError("there is no realm in this store")
            if revision != schema.REVISION:
                raise StoreError(
                    f"the store's schema is revision {revision}, and this version reads {schema.REVISION}"
                )
            batch, seq = connection.execute(select(schema.state.c.batch, schema.state.c.seq)).one()
            kind, size = database.measure(connection)
            return Information(
                kind=kind,
                realm=owner(connection),
                revision=revision,
                batch=batch,
                seq=seq,
                size=size,
                rows={
                    table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                    for table in schema.metadata.sorted_tables
                },
                epochs=reading.epochs_all(connection),
            )
    except SQLAlchemyError as error:
        raise StoreError(f"the store cannot be read: {database.reason(error)}") from error
