"""Links to other realms: what waits in an outbox, what came, what was refused or bounced."""

from __future__ import annotations

import msgspec
import pytest
from pytest_twisted import ensureDeferred

from chatproto.interfaces import IStore
from chatproto.records import (
    ITEMS,
    AppliedRow,
    Arrived,
    AuditRow,
    DeadRow,
    DialRow,
    KeyRow,
    Outgoing,
    PeerRow,
    Record,
    RemoteRow,
    StreamRow,
    Waiting,
)
from chatproto.store.keys import MAXIMUM
from chatproto.testing.store_contract.rows import (
    arrival,
    batch,
    conversation,
    entry,
    item,
    message,
    refusal,
)

#: Of each kind that is listed whole: a row, and what it is like later.
DECIDED: dict[str, tuple[Record, Record]] = {
    "peers": (
        PeerRow("beta", "pending", "", "ab" * 32, "tcp:192.0.2.1:8890", "new-key", 5),
        PeerRow("beta", "open", "ab" * 32, changed=6),
    ),
    "dials": (DialRow("beta", 3, 5, 2**52), DialRow("beta", 4, 5, 2**52 + 1)),
    "streams": (
        StreamRow("beta", ITEMS, "e2", "e1", 1, 7, 0, 9),
        StreamRow("beta", ITEMS, "e2", "e1", 1, 7, 8, 9),
    ),
    "applied": (
        AppliedRow("beta", ITEMS, "e1", 4, "beta/4", 3, 0),
        AppliedRow("beta", ITEMS, "e1", 5, "beta/5", 4, 0),
    ),
}


def dead(mid: str, seq: int, realm: str = "beta") -> DeadRow:
    """Return an item that bounced."""
    return DeadRow(mid, realm, seq, seq, "messi@alpha", f"ani@{realm}", "no-such-user", 5)


class Links:
    """What is known of other realms."""

    @ensureDeferred
    async def test_nothing_is_known_of_other_realms_at_first(self, store: IStore) -> None:
        assert await store.key("realm") is None
        assert await store.remote("ani@beta") is None
        for listed in (store.peers, store.dials, store.streams, store.applied):
            assert await listed() == []
        assert await store.outbox("beta", 0, MAXIMUM, 9, True) == []
        assert await store.outgoing("beta", 0, 9, 100) == []
        assert await store.waiting("beta", 0) == Waiting(0, 0, 0)
        assert await store.arrived(["beta/1"]) == []
        assert await store.refusals(["beta/1"]) == []
        assert await store.refused("beta", "e1", 0, 9) == []
        assert await store.old_refusals(MAXIMUM, 9) == []
        assert await store.dead_letters("", 0, 9) == []
        assert await store.runs() == []
        assert await store.verdicts() == []
        assert await store.relayed("gamma", "beta", "delta", ITEMS, 1, 0, 9, 9) == []

    @pytest.mark.parametrize("question", DECIDED)
    @ensureDeferred
    async def test_what_is_decided_is_listed_by_realm_and_changes(self, store: IStore, question: str) -> None:
        first, later = DECIDED[question]
        others = [msgspec.structs.replace(first, realm=realm) for realm in ("gamma", "Beta", "a")]
        await store.commit(batch(1, entry(*others, puts=(first,))))
        await store.commit(batch(2, entry(puts=(later,))))
        assert await getattr(store, question)() == [others[1], others[2], later, others[0]]
        assert await store.commit(batch(3, entry(removes=(first, others[0])))) == []
        assert await getattr(store, question)() == [others[1], others[2]]

    @ensureDeferred
    async def test_streams_of_one_realm_come_by_name(self, store: IStore) -> None:
        sent, applied = DECIDED["streams"][0], DECIDED["applied"][0]
        names = ("items", "fans@beta", "x")
        rows = [msgspec.structs.replace(row, stream=name) for row in (sent, applied) for name in names]
        await store.commit(batch(1, entry(*rows)))
        assert [row.stream for row in await store.streams()] == sorted(names)
        assert [row.stream for row in await store.applied()] == sorted(names)

    @ensureDeferred
    async def test_a_key_and_people_elsewhere_are_found(self, store: IStore) -> None:
        key = KeyRow("realm", bytes(range(32)), 5)
        before, after = RemoteRow("ani@beta", "Ani@beta", ""), RemoteRow("ani@beta", "ANI@beta", "Ani")
        await store.commit(batch(1, entry(key, puts=(before,))))
        await store.commit(batch(2, entry(puts=(after,))))
        assert await store.key("realm") == key
        assert await store.remote("ani@beta") == after
        assert await store.commit(batch(3, entry(KeyRow("realm", b"", 6)))) == [0]
        assert await store.key("realm") == key

    @ensureDeferred
    async def test_a_range_of_an_outbox_is_open_at_both_ends_and_cut_at_the_wanted_end(
        self, store: IStore
    ) -> None:
        rows = [item(number) for number in range(5, 12)]
        await store.commit(batch(1, entry(*rows, item(7, realm="gamma"))))

        async def read(after: int, before: int, limit: int, newest: bool) -> list[int]:
            return [row.number for row in await store.outbox("beta", after, before, limit, newest)]

        assert await store.outbox("beta", 0, MAXIMUM, 9, False) == rows
        assert await read(0, MAXIMUM, 3, False) == [5, 6, 7]
        assert await read(0, MAXIMUM, 1, True) == [11]
        assert await read(6, 10, 9, False) == [7, 8, 9]
        assert await read(6, 10, 2, True) == [8, 9]
        assert await read(11, MAXIMUM, 9, False) == []
        assert await read(0, 5, 9, True) == []

    @ensureDeferred
    async def test_an_outbox_keeps_realms_apart_and_numbers_once(self, store: IStore) -> None:
        await store.commit(batch(1, entry(item(1), item(1, realm="gamma"))))
        assert await store.commit(batch(2, entry(item(1, seq=7)), entry(item(2)))) == [0]
        assert await store.outbox("beta", 0, MAXIMUM, 9, False) == [item(1), item(2)]

    @ensureDeferred
    async def test_items_come_with_their_messages_and_to_whom(self, store: IStore) -> None:
        to_ani, to_zoe = (
            conversation(1, "ani@beta", "messi@alpha"),
            conversation(2, "messi@alpha", "zoe@beta"),
        )
        rows = [message(3, 1, sender="MESSI@ALPHA"), message(4, 2, sender="Messi@alpha"), message(6, 1)]
        items = [item(8, 3), item(9, 4), item(10, 0), item(11, 6)]
        await store.commit(batch(1, entry(to_ani, to_zoe, *rows, *items, item(8, 6, "gamma"))))
        wanted = [
            Outgoing(items[0], rows[0], "ANI@BETA"),
            Outgoing(items[1], rows[1], "ZOE@BETA"),
            Outgoing(items[2], None, ""),
            Outgoing(items[3], rows[2], "ANI@BETA"),
        ]
        assert await store.outgoing("beta", 0, 9, 1000) == wanted
        assert await store.outgoing("beta", 8, 2, 1000) == wanted[1:3]
        assert await store.outgoing("beta", 11, 9, 1000) == []

    @ensureDeferred
    async def test_items_end_with_the_one_that_makes_them_large(self, store: IStore) -> None:
        sizes = [10, 50, 900, 40, 1]
        rows = [message(number) for number in range(1, 6)]
        items = [
            item(number, 0 if size == 900 else number, size=size) for number, size in enumerate(sizes, 1)
        ]
        await store.commit(batch(1, entry(conversation(1), *rows, *items)))

        async def read(after: int, size: int) -> list[int]:
            return [each.row.number for each in await store.outgoing("beta", after, 9, size)]

        assert await read(0, 1) == [1]
        assert await read(0, 10) == [1]
        assert await read(0, 11) == [1, 2]
        assert await read(0, 60) == [1, 2]
        assert await read(0, 61) == [1, 2, 3, 4]
        assert await read(0, 1000) == [1, 2, 3, 4, 5]
        assert await read(3, 20) == [4]
        assert await read(0, 0) == []

    @ensureDeferred
    async def test_what_waits_is_counted_without_what_is_skipped(self, store: IStore) -> None:
        rows = [item(1, size=7), item(2, 0, size=100), item(3, size=2**40), item(4, size=1)]
        await store.commit(batch(1, entry(*rows, item(4, realm="gamma"))))
        assert await store.waiting("beta", 0) == Waiting(3, 2**40 + 8, 1001)
        assert await store.waiting("beta", 1) == Waiting(2, 2**40 + 1, 1003)
        assert await store.waiting("beta", 4) == Waiting(0, 0, 0)
        assert await store.commit(batch(2, entry(puts=(item(1, 0, size=7),)))) == []
        assert await store.waiting("beta", 0) == Waiting(2, 2**40 + 1, 1003)

    @ensureDeferred
    async def test_items_are_withdrawn_and_removed(self, store: IStore) -> None:
        await store.commit(
            batch(1, entry(*(item(number, 0) for number in range(1, 3001)), item(1, 0, "gamma")))
        )
        put, gone = item(2900, 0, size=0), [item(number) for number in range(1, 2900)]
        assert await store.commit(batch(2, entry(puts=(put,)), entry(removes=tuple(gone)))) == []
        assert await store.outbox("beta", 0, MAXIMUM, 2, False) == [put, item(2901, 0)]
        assert await store.outbox("gamma", 0, MAXIMUM, 2, False) == [item(1, 0, "gamma")]
        assert await store.commit(batch(3, entry(item(1)), entry(removes=(put,)))) == []
        assert [row.number for row in await store.outbox("beta", 0, MAXIMUM, 2, False)] == [1, 2901]

    @ensureDeferred
    async def test_a_number_is_skipped_if_its_entry_breaks_a_constraint(self, store: IStore) -> None:
        await store.commit(batch(1, entry(conversation(1), message(1))))
        failed = await store.commit(
            batch(
                2,
                entry(message(1), item(1), otherwise=(item(1, 0),)),
                entry(message(2), item(2), puts=(DECIDED["streams"][0],)),
            )
        )
        assert failed == [0]
        assert await store.outbox("beta", 0, MAXIMUM, 9, False) == [item(1, 0), item(2)]
        assert await store.streams() == [DECIDED["streams"][0]]

    @ensureDeferred
    async def test_a_message_arrives_once_in_a_conversation(self, store: IStore) -> None:
        applied = DECIDED["applied"][0]
        first = conversation(1, "ani@beta", "messi@alpha")
        await store.commit(batch(1, entry(first, conversation(2), arrival(1))))
        again = entry(arrival(2), puts=(applied,), otherwise=(message(2, kind="void"),))
        assert await store.commit(batch(2, again, entry(arrival(3, 2)))) == [0]
        assert await store.applied() == []
        assert await store.newest(1) == (2, 0)
        twice = [entry(arrival(number, mid="beta/2")) for number in (4, 5)]
        assert await store.commit(batch(3, *twice)) == [1]
        assert await store.arrived(["beta/2", "beta/1", "beta/3"]) == [
            Arrived("beta/1", "messi@alpha"),
            Arrived("beta/1", "group2@alpha"),
            Arrived("beta/2", "messi@alpha"),
        ]

    @ensureDeferred
    async def test_messages_of_this_realm_may_share_a_mid(self, store: IStore) -> None:
        """A refused mid may be given again, and a copy that was put back gives some a second time."""
        own = [msgspec.structs.replace(message(seq), mid="beta/1") for seq in (1, 2)]
        assert await store.commit(batch(1, entry(conversation(1), *own, arrival(3)))) == []
        assert await store.arrived(["beta/1"]) == [Arrived("beta/1", "group1@alpha")]

    @ensureDeferred
    async def test_refusals_are_found_by_mid_and_change(self, store: IStore) -> None:
        rows = [refusal("beta/2", "b"), refusal("beta/2", "a"), refusal("beta/1"), refusal("beta/3")]
        await store.commit(batch(1, entry(*rows)))
        again = refusal("beta/1", number=9, epoch="e2", until=60)
        assert await store.commit(batch(2, entry(rows[1]), entry(puts=(again,)))) == [0]
        assert await store.refusals(["beta/2", "beta/1", "beta/9"]) == [again, rows[1], rows[0]]
        assert await store.refusals([]) == []
        of_gamma = msgspec.structs.replace(again, realm="gamma")  # which has no right to that mid
        assert await store.commit(batch(3, entry(puts=(of_gamma,)))) == []
        assert await store.refusals(["beta/1"]) == [again, of_gamma]

    @ensureDeferred
    async def test_refusals_of_an_epoch_come_by_number(self, store: IStore) -> None:
        rows = [refusal(f"beta/{number}", number=number) for number in (12, 3, 7, 9)]
        others = [
            refusal("beta/x", epoch="e2", number=8),
            msgspec.structs.replace(rows[0], mid="c", realm="c"),
        ]
        done = msgspec.structs.replace(rows[0], mid="beta/done", number=10, code="")
        await store.commit(batch(1, entry(*rows, *others, done)))
        assert await store.refusals(["beta/done"]) == [done]
        assert await store.refused("beta", "e1", 3, 9) == [rows[2], rows[3], rows[0]]
        assert await store.refused("beta", "e1", 0, 2) == [rows[1], rows[2]]
        assert await store.refused("beta", "e2", 8, 2) == []

    @ensureDeferred
    async def test_old_refusals_are_listed_and_removed(self, store: IStore) -> None:
        rows = [refusal(f"beta/{until}", until=until) for until in (40, 10, 50, 20)]
        await store.commit(batch(1, entry(*rows)))
        assert await store.old_refusals(50, 9) == [rows[1], rows[3], rows[0]]
        old = await store.old_refusals(50, 2)
        assert old == [rows[1], rows[3]]
        assert await store.commit(batch(2, entry(removes=old))) == []
        assert await store.old_refusals(MAXIMUM, 9) == [rows[0], rows[2]]

    @ensureDeferred
    async def test_dead_letters_come_in_order_of_their_messages(self, store: IStore) -> None:
        rows = [dead("alpha/9", 9), dead("alpha/2", 2), dead("alpha/5", 5, "gamma"), dead("alpha/7", 7)]
        await store.commit(batch(1, entry(*rows)))
        assert await store.commit(batch(2, entry(dead("alpha/9", 10)))) == [0]
        assert await store.dead_letters("", 0, 3) == [rows[1], rows[2], rows[3]]
        assert await store.dead_letters("", 7, 3) == [rows[0]]
        assert await store.dead_letters("beta", 2, 9) == [rows[3], rows[0]]
        assert await store.dead_letters("gamma", 0, 9) == [rows[2]]

    @ensureDeferred
    async def test_the_audit_log_comes_in_its_order(self, store: IStore) -> None:
        rows = [
            AuditRow(serial, 5, "applied", f"beta/{serial}", "beta", "ani@alpha", 1) for serial in (2, 9, 4)
        ]
        await store.commit(batch(1, entry(*rows)))
        assert await store.audit(0, 2) == [rows[0], rows[2]]
        assert await store.audit(4, 9) == [rows[1]]
        assert await store.commit(batch(2, entry(rows[0]), entry(removes=(rows[2],)))) == [0]
        assert await store.audit(0, 9) == [rows[0], rows[1]]

    @ensureDeferred
    async def test_a_message_is_traced_up_to_its_settlement(self, store: IStore) -> None:
        sent = AuditRow(3, 5, "sent", "alpha/1", "beta", "ani@beta", 7)
        others = [
            AuditRow(1, 5, "settled", realm="beta", number=9),
            AuditRow(4, 5, "settled", realm="beta", number=6),
            AuditRow(5, 5, "settled", realm="gamma", number=8),
            AuditRow(8, 5, "settled", realm="beta", number=9),
            AuditRow(9, 5, "sent", "alpha/2", "beta", "ani@beta", 8),
        ]
        settled = AuditRow(7, 5, "settled", realm="beta", number=8)
        bounced = AuditRow(6, 5, "bounced", "alpha/1", "beta", "ani@beta", 7, "refused")
        stream = StreamRow("beta", ITEMS, "e2", "", 1, 0, 7, 8)
        await store.commit(batch(1, entry(sent, *others, settled, bounced)))
        assert await store.traced("alpha/1", 9) == [sent, bounced]
        await store.commit(batch(2, entry(puts=(stream,))))
        assert await store.traced("alpha/1", 9) == [sent, bounced, settled]
        assert await store.traced("alpha/1", 1) == [sent, settled]
        assert await store.traced("alpha/2", 9) == [others[4]]
        assert await store.traced("alpha/3", 9) == []
