"""Families of figures in the words of Prometheus, of clients and of links. Needs the extra ``metrics``."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from chatproto.loop import LoopWatch
from chatproto.operating import Operating
from chatproto.protocols.lines_factory import LinesFactory
from chatproto.protocols.peer_factory import RealmPeerFactory
from chatproto.realm.meters import Histogram
from chatproto.version import VERSION

#: A figure, or one for each list of labels' values.
Values = float | Mapping[tuple[str, ...], float]


def gauge(name: str, text: str, values: Values, *labels: str) -> Metric:
    """Return what stands now, by the values of ``labels``."""
    return _filled(GaugeMetricFamily(f"chatproto_{name}", text, labels=labels), values)


def counter(name: str, text: str, values: Values, *labels: str) -> Metric:
    """Return what was counted, by the values of ``labels``."""
    return _filled(CounterMetricFamily(f"chatproto_{name}", text, labels=labels), values)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, values: Values) -> Metric:
    for labels, value in (values if isinstance(values, Mapping) else {(): values}).items():
        family.add_metric(labels, value)
    return family


def histogram_of(name: str, text: str, histogram: Histogram) -> Metric:
    """Return how often values up to each bound were seen."""
    buckets, total = [], 0
    for bound, count in zip([*map(str, histogram.bounds), "+Inf"], histogram.counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return HistogramMetricFamily(f"chatproto_{name}", text, buckets=buckets, sum_value=histogram.sum)


def info(name: str, text: str, **said: str) -> Metric:
    """Return who it is that has these figures."""
    family = InfoMetricFamily(f"chatproto_{name}", text)
    family.add_metric([], {**said, "version": VERSION, "python": platform.python_version()})
    return family


def lag(loop: LoopWatch) -> Metric:
    """Return how late the main loop was."""
    return histogram_of("loop_lag_seconds", "How late the main loop is, four times a second", loop.lag)


def connection_figures(listeners: Sequence[tuple[str, LinesFactory]]) -> Iterator[Metric]:
    """Return the figures of clients' connections by the name of their listener."""
    opened: Counter[tuple[str, ...]] = Counter()
    away: Counter[tuple[str, ...]] = Counter()
    replies: Counter[tuple[str, ...]] = Counter()
    refusals: Counter[tuple[str, ...]] = Counter()
    connections: Counter[tuple[str, ...]] = Counter()
    unsent: Counter[tuple[str, ...]] = Counter()
    lines: Counter[tuple[str, ...]] = Counter()
    for name, factory in listeners:
        traffic, there = factory.traffic, factory.connections()
        opened[name,] += traffic.opened
        away[name,] += traffic.turned_away
        replies[name,] += traffic.replies
        connections[name,] += len(there)
        unsent[name,] += sum(each.unsent for each in there)
        for code, count in traffic.refusals.items():
            refusals[name, code] += count
        for state, count in factory.large_lines.load.items():
            lines[name, state] += count
    yield gauge("connections", "Open connections", connections, "listener")
    yield counter("connections_opened", "Connections accepted", opened, "listener")
    yield counter("connections_turned_away", "Connections for which there was no room", away, "listener")
    yield gauge("unsent_bytes", "Bytes that wait for clients to read", unsent, "listener")
    yield gauge("large_lines", "Lines with a file, or who waits to send one", lines, "listener", "state")
    yield counter("replies", "Replies that are no refusals", replies, "listener")
    yield counter("refusals", "Refusals by code", refusals, "listener", "code")


def link_figures(links: Operating, linking: Sequence[RealmPeerFactory], now: float) -> Iterator[Metric]:
    """Return the figures of links to other realms, and of the connections that they use."""
    states: dict[tuple[str, ...], float] = {}
    items: dict[tuple[str, ...], float] = {}
    size: dict[tuple[str, ...], float] = {}
    ages: dict[tuple[str, ...], float] = {}
    sent: Counter[tuple[str, ...]] = Counter()
    taken: Counter[tuple[str, ...]] = Counter()
    oldest = links.oldest()
    for link in links.links:
        realm = str(link.realm)
        states[realm, links.word(link)] = 1
        items[realm,] = link.outgoing.waiting_items
        size[realm,] = link.outgoing.waiting_bytes
        since = oldest.get(link.realm, 0)
        ages[realm,] = max(0.0, now - since / 1000) if since and link.outgoing.waiting_items else 0.0
        sent[realm, "ok"] += link.counts.applied
        for code, count in link.counts.codes.items():
            sent[realm, code] += count
        for code, count in link.incoming.verdicts.items():
            taken[realm, code or "ok"] += count
    yield from _file_figures(links)
    yield gauge("link_state", "Links to other realms, by what they do now", states, "realm", "state")
    yield gauge("link_waiting_items", "Messages that wait for a realm or its answer", items, "realm")
    yield gauge("link_waiting_bytes", "Bytes of text that wait for a realm or its answer", size, "realm")
    yield gauge("link_waiting_seconds", "For how long the oldest of them waits", ages, "realm")
    yield counter("link_messages_sent", "Messages that a realm took or refused", sent, "realm", "result")
    yield counter("link_messages_taken", "Messages of a realm taken or refused", taken, "realm", "result")
    yield counter("link_dials", "Connections to other realms that were begun", links.dials)
    yield from _connections(linking)


def _file_figures(links: Operating) -> Iterator[Metric]:
    fetching: dict[tuple[str, ...], float] = {}
    size: dict[tuple[str, ...], float] = {}
    ends: dict[tuple[str, ...], float] = {}
    for link in links.links:
        realm, counts = str(link.realm), link.file_counts
        fetching[realm,] = link.fetching.under_way
        size[realm, "in"], size[realm, "out"] = counts.came_bytes, counts.sent_bytes
        ends[realm, "fetched"], ends[realm, "refused"] = counts.fetched, counts.refused
        ends[realm, "served"], ends[realm, "given-up"] = counts.served, counts.given_up
    yield gauge("link_files_fetching", "Files that are being fetched from a realm", fetching, "realm")
    yield counter("link_file_bytes", "Bytes of files between realms", size, "realm", "direction")
    yield counter("link_files", "Files between realms, by their end", ends, "realm", "result")


def _connections(linking: Sequence[RealmPeerFactory]) -> Iterator[Metric]:
    opened = linked = away = strangers = 0
    ended: Counter[tuple[str, ...]] = Counter()
    for factory in linking:
        traffic = factory.traffic
        opened += traffic.opened
        linked += traffic.linked
        away += traffic.turned_away
        strangers += factory.strangers
        for code, count in traffic.refusals.items():
            ended[code,] += count
    yield gauge("peer_strangers", "Connections of realms that have not proved who they are", strangers)
    yield counter("peer_connections", "Connections with other realms, both ways", opened)
    yield counter("peer_connections_proved", "Those whose other side proved who it is", linked)
    yield counter("peer_connections_turned_away", "Those for which there was no room", away)
    yield counter("peer_connections_failed", "Those that this side ended for a reason", ended, "code")
