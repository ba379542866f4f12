"""Two realms and the link between them: what one says arrives in the other once, and each sender hears of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chatproto.records import AppliedRow, DeadRow, OutboxRow, RefusalRow, StreamRow
from tests.federation.town import Town


@pytest.fixture
def town() -> Iterator[Town]:
    yield Town()


class TestSending:
    def test_a_message_arrives_once_and_is_settled(self, town: Town) -> None:
        town.connect()
        town.check_up()
        messi, amsal = town.alpha.person("messi"), town.beta.person("amsal")
        amsal.listen()
        reply = messi.send("amsal@beta", "halo")
        assert [message.text for message in amsal.messages("text")] == ["halo"]
        assert amsal.messages("text")[0].mid == reply.mid
        (applied,) = town.beta.rows(AppliedRow)
        (stream,) = town.alpha.rows(StreamRow)
        assert (applied.number, applied.mid, applied.epoch) == (1, reply.mid, stream.epoch)
        assert (stream.settled, stream.offered) == (1, 1)
        assert town.alpha.link.outgoing.waiting_items == 0

    def test_what_was_sent_while_there_was_no_link_follows(self, town: Town) -> None:
        messi = town.alpha.person("messi")
        for number in range(600):
            messi.send("amsal@beta", str(number))
        assert town.alpha.link.outgoing.waiting_items == 600
        assert town.alpha.rows(StreamRow) == []
        town.connect()
        assert town.beta.texts() == [str(number) for number in range(600)]
        assert town.alpha.link.outgoing.settled == 600
        assert town.alpha.link.outgoing.waiting_bytes == 0

    def test_a_refusal_becomes_a_bounce_and_the_next_ones_go_on(self, town: Town) -> None:
        town.connect()
        messi = town.alpha.person("messi")
        messi.listen()
        mid = messi.send("nobody@beta", "one").mid
        messi.send("amsal@beta", "two")
        assert town.beta.texts() == ["two"]
        (bounce,) = messi.messages("bounce")
        assert (bounce.text, bounce.about) == ("no-such-user", mid) or mid in str(bounce)
        assert [row.mid for row in town.alpha.rows(DeadRow)] == [mid]
        assert [row.code for row in town.beta.rows(RefusalRow)] == ["no-such-user"]
        assert [row.seq for row in town.alpha.rows(OutboxRow)][0] == 0
        assert town.alpha.link.outgoing.waiting_items == 0


class TestCrashes:
    @pytest.mark.parametrize("who", ["alpha", "beta"])
    def test_nothing_is_lost_or_doubled_if_one_crashes_at_any_frame(self, who: str) -> None:
        for frames in range(40):
            town = Town()
            messi = town.alpha.person("messi")
            for number in range(6):
                messi.send("nobody@beta" if number == 3 else "amsal@beta", str(number))
            wire = town.connect_held()
            for _ in range(frames):
                wire.step()
            getattr(town, who).crash()
            town.turn()
            town.connect()
            assert town.beta.texts() == ["0", "1", "2", "4", "5"], frames
            assert len(town.alpha.texts("bounce")) == 1
            assert town.alpha.link.outgoing.settled == 6
