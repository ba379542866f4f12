"""Brings the schema of an open database up to date, with Alembic and the revisions of this package.

The only module that imports Alembic, which takes longer than opening a store: it is imported when
there is something to migrate.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from chatproto.errors import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"


def check_known(revision: str) -> None:
    """Make sure that a store's revision is one that can be brought up to date.

    :raises StoreError: it is not among ours, so a newer version wrote the store.
    """
    scripts = ScriptDirectory.from_config(_config())
    try:
        scripts.get_revision(revision)
    except CommandError:
        raise StoreError(
            f"the store was written by a newer version of chatproto: its schema is revision {revision}, "
            f"and this version knows revisions up to {scripts.get_current_head()}"
        ) from None


def migrate(connection: Connection, to: str = "head") -> None:
    """Apply all missing revisions, up to one, within the caller's transaction."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
