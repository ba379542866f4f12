"""The end of a simulation with files: realms remove what nobody needs, and it is looked whether they do."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred

from chatproto.testing.file_ledger import FileLedger
from chatproto.testing.hosts import RealmHost
from chatproto.testing.network import Network

#: An upload that was begun so long ago is over.
_OLD_SECONDS = 8 * 86400.0


def clear_up(network: Network, files: FileLedger, hosts: Sequence[RealmHost]) -> None:
    """Let realms remove what nobody needs, now and when all that was begun is too old."""
    for all_old in (False, True):
        for host in hosts:
            if all_old:
                host.clock.jump(_OLD_SECONDS)
            _collect(network, host)
            files.check_rubbish(host, all_old=all_old)


def _collect(network: Network, host: RealmHost) -> None:
    assert host.realm is not None
    cursor = "old"
    while cursor:
        cursor = network.wait(Deferred.fromCoroutine(host.realm.garbage.collect(cursor))).next
