"""The end of everything that waits for a realm, by decision of the operator."""

from __future__ import annotations

from collections.abc import Callable

from chatproto.errors import Conflict, Unavailable
from chatproto.federation.bounds import PORTION_BYTES, PORTION_ITEMS
from chatproto.federation.errand import come_to_rest
from chatproto.federation.outgoing import OutgoingStream
from chatproto.federation.rules import Bounces
from chatproto.federation.settling import Ended, Settlement
from chatproto.interfaces import IStore
from chatproto.realm.writer import Writer
from chatproto.records import StreamRow


async def end_all(
    stream: OutgoingStream,
    store: IStore,
    writer: Writer,
    bounces: Bounces,
    ended: Ended,
    epoch: Callable[[], str],
) -> None:
    """End what waits with a bounce ``outcome-unknown``: some of it may have arrived. Then begin a new epoch.

    Nothing may be numbered meanwhile. If it is not finished it can be called again.

    :raises Unavailable: the store takes nothing now.
    """
    # What was numbered before the decision may be on its way to the disk, where it is not found yet.
    await come_to_rest(writer)
    silent = False
    while True:
        await stream.load()
        row = stream.row
        if row.settled >= stream.newest:
            break
        if writer.links_full:
            await writer.room()
            continue
        items = await store.outgoing(stream.realm, row.settled, 1 if silent else PORTION_ITEMS, PORTION_BYTES)
        await bounces.prepare(items)
        if not stream.loaded or stream.row != row:
            continue
        codes = dict.fromkeys((item.row.number for item in items), "outcome-unknown")
        last = items[-1].row.number if items else stream.newest
        step = Settlement(stream, bounces, ended, items, codes, settled=last, silent=silent)
        writer.append(step)
        error = await step.done
        if error is not None and not isinstance(error, Conflict):
            raise Unavailable
        silent = error is not None
    row = stream.row
    if row.first <= stream.newest:  # else this has been done
        number = stream.newest
        await stream.replace(
            StreamRow(
                realm=row.realm,
                stream=row.stream,
                epoch=epoch(),
                previous=row.epoch,
                first=number + 1,
                repeats=number,
                settled=number,
                offered=number,
                late=number,
                since=stream.next_since(),
            )
        )
