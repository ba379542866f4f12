"""Questions about links, and removing, read what they answer and no more: SQLite says how it would do it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from twisted.internet.defer import Deferred

from chatproto.interfaces import IStore
from chatproto.records import BlockRow, Waiting
from chatproto.store.keys import MAXIMUM
from chatproto.store.sql import SqlStore
from tests.store.places import (
    ALPHA,
    SqlitePlace,
    batch,
    conversation,
    entry,
    item,
    login,
    message,
    refusal,
)
from tests.store.test_random import now

Asked = Callable[[IStore], Deferred[Any]]

QUESTIONS: dict[str, Asked] = {
    "outbox": lambda store: store.outbox("beta", 0, MAXIMUM, 1, True),
    "outgoing": lambda store: store.outgoing("beta", 0, 256, 1000),
    "waiting": lambda store: store.waiting("beta", 0),
    "arrived": lambda store: store.arrived(["a", "b"]),
    "refusals": lambda store: store.refusals(["a", "b"]),
    "refused": lambda store: store.refused("beta", "e1", 5, 9),
    "old refusals": lambda store: store.old_refusals(5, 9),
    "dead letters": lambda store: store.dead_letters("", 5, 9),
    "dead letters of one": lambda store: store.dead_letters("beta", 5, 9),
    "files": lambda store: store.files(5, 9),
    "wanted files": lambda store: store.wanted("beta", 5, 9),
    "references": lambda store: store.references(["a", "b"]),
    "sent bytes": lambda store: store.sent_bytes("messi@alpha", 5),
    "came bytes": lambda store: store.came_bytes("beta", 5),
    "box": lambda store: store.box("messi", "r2", 5, 9),
    "boxed": lambda store: store.boxed("messi", 5, 9),
    "uploads of one": lambda store: store.uploads("messi"),
    "removing by one column": lambda store: store.commit(batch(1, entry(removes=(login(1), login(2))))),
    "removing items": lambda store: store.commit(batch(1, entry(removes=(item(1), item(2))))),
    "removing refusals": lambda store: store.commit(batch(1, entry(removes=(refusal("a"), refusal("b"))))),
    "removing others": lambda store: store.commit(
        batch(1, entry(removes=tuple(BlockRow("messi", name, name, 1) for name in "ab")))
    ),
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    store = SqlitePlace(tmp_path / "alpha.db").store()
    now(store.open(ALPHA))
    yield store
    now(store.close())


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_table_is_read_whole(store: SqlStore, question: str) -> None:
    statements: list[tuple[str, Any]] = []

    def heard(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
        statements.append((statement, values))

    database: Any = store._database
    for engine in (database._reading, database._writing):
        event.listen(engine, "before_cursor_execute", heard)
    now(QUESTIONS[question](store))
    asked = [each for each in statements if each[0].startswith(("SELECT", "DELETE"))]
    assert len(asked) == 1
    with database.read() as connection:
        plan = [
            row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0][0]}", asked[0][1])
        ]
    read = [step for step in plan if step.startswith(("SCAN", "SEARCH"))]
    assert any(step.startswith("SEARCH") for step in read)
    # What remains are rows that were given, or found already.
    tables = (
        *("outbox", "messages", "conversations", "refusals", "dead_letters", "logins", "blocks"),
        *("files", "uploads"),
    )
    assert [step for step in read if step.startswith("SCAN") and step.split()[1] in tables] == []


def steps(store: SqlStore, ask: Callable[[], object]) -> int:
    """Return what a question costs, counted in tens of SQLite's own steps: no clock is as steady."""
    counted = 0

    def step() -> None:
        nonlocal counted
        counted += 1

    with store._database.read() as connection:
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(step, 10)
    ask()
    with store._database.read() as connection:
        driver = connection.connection.driver_connection
        driver.set_progress_handler(None, 0)
    return counted


def test_much_that_waits_is_counted_in_a_few_steps_for_each(store: SqlStore) -> None:
    items = 10_000
    now(store.commit(batch(1, entry(*(item(number) for number in range(1, items + 1))))))
    counted = []
    took = steps(store, lambda: counted.append(now(store.waiting("beta", 0))))
    assert counted == [Waiting(items, 10 * items, 1001)]
    assert 0 < took * 10 <= 12 * items


def test_a_page_to_send_costs_the_same_however_much_waits(store: SqlStore) -> None:
    """It reads the texts of what it answers."""

    def page() -> None:
        assert len(now(store.outgoing("beta", 0, 50, 10**9))) == 50

    rows = [message(number) for number in range(1, 5001)]
    now(
        store.commit(batch(1, entry(conversation(1), *rows[:60], *(item(number) for number in range(1, 61)))))
    )
    few = steps(store, page)
    now(store.commit(batch(2, entry(*rows[60:], *(item(number) for number in range(61, 5001))))))
    assert 0 < steps(store, page) <= few * 1.1
