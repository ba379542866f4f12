"""Every bound a realm keeps towards its clients, each with its reason.

All of them can be set: ``[limits]`` in the configuration file, ``--limit NAME=VALUE`` on the
command line, or a :class:`Limits` given to the realm and to the server factory.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, structs

Count = Annotated[int, Meta(ge=1)]
#: A bound that 0 switches off.
Optional = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]
#: Seconds that cannot be switched off.
Time = Annotated[float, Meta(gt=0)]
#: So much in some time; 0 switches it off.
Frequency = Annotated[float, Meta(ge=0)]

#: Bytes of UTF-8 in one message's text. Fixed: it is part of the protocol, and links rely on it.
TEXT_BYTES = 16 * 1024
#: Recipients that one ``send`` may list. Fixed: it is part of the protocol.
RECIPIENTS = 64
#: Names in a list with commas, as older clients write it: one transaction must stay small beside a batch.
LISTED_NAMES = 256
#: Messages in one page of ``history`` or of a replay. Fixed: it is part of the protocol.
PAGE_ITEMS = 200
#: Messages in a page of ``history`` that does not say how many: about two screens.
HISTORY_ITEMS = 50
#: Entries in one page of members, conversations, sessions or users: with the longest names still below
#: SERVER_LINE_BYTES.
LIST_ITEMS = 1000
#: Unread messages are counted up to here; beyond it people only want to know "many".
UNREAD = 1000
#: Longest line a server sends to a JSON client, so that the client can bound its own buffer.
SERVER_LINE_BYTES = 256 * 1024
#: Most bytes of JSON in one reply to the older ``inbox`` commands; the rest waits for the next call.
INBOX_BYTES = 16 * 1024 * 1024
#: Bytes of a file behind one line: what one read of a socket brings, and what others wait for at most. Fixed:
#: it is part of the protocol.
CHUNK_BYTES = 64 * 1024
#: Characters in a group's topic: a line or two.
TOPIC_CHARACTERS = 256
#: Connections that are live in one group, and users that one realm tells another of: each hears of each
#: other's coming and going, and all are one list.
LIVE_USERS = 1000
#: Members up to which a group has receipts and typing: their number grows with the square of it.
HINTED_MEMBERS = 50


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bounds that an operator may move; counts are of items, sizes of bytes, times of seconds."""

    #: A line after login: one with a full text, JSON-escaped at four bytes for one, still fits.
    line_bytes: Count = 64 * 1024
    #: A line before login: it is a name and a password, and strangers get no larger buffer.
    line_bytes_before_login: Count = 4 * 1024
    #: The time to log in: strangers may not hold connections open. 0: for ever, as older clients connect
    #: before their user types.
    login_seconds: Seconds = 10.0
    #: All the time to log in, with what the realm itself takes for it; it counts if ``login_seconds`` does.
    login_total_seconds: Seconds = 60.0
    #: Lines that are no command, before login, until the connection is ended.
    bad_lines_before_login: Count = 16
    #: Pipelined commands in flight on one connection: enough to fill a batch alone.
    pipeline: Count = 256
    #: Connections to one listener; each idle one costs about 6 KiB, with TLS 30, and a file descriptor.
    connections: Count = 10_000
    #: Connections from one address, of IPv6 one network of 64 bits. 0: no bound.
    connections_per_address: Optional = 16
    #: Connections that one address may open in ten minutes, all at once if it likes: who cannot stay should
    #: not come back all the time.
    connects_per_ten_minutes: Frequency = 32.0
    #: Connections on which one account is logged in; the one that logged in first makes room for the newest,
    #: and so who knows the password always gets in. 0: no bound.
    connections_per_account: Optional = 64
    #: Unsent bytes at which pushes stop; the client then catches up from the log.
    push_bytes: Count = 64 * 1024
    #: A connection that takes nothing of what is unsent for so long is closed: whoever it was is gone.
    progress_seconds: Seconds = 30.0
    #: Rows in the open and the waiting batch: about a second's work for the store.
    open_rows: Count = 8192
    #: Bytes in the open and the waiting batch: what is lost of memory while the disk is slow.
    open_bytes: Count = 16 * 1024 * 1024
    #: Password hashes that may wait for a thread; a login herd beyond it is told to try again.
    waiting_hashes: Count = 64
    #: Passwords that an authenticator outside of the realm is asked about at a time; beyond it: try again.
    checks: Count = 64
    #: How long such an authenticator may take to answer.
    check_seconds: Seconds = 10.0
    #: A session that is not used for so long ends (30 days).
    session_idle_seconds: Seconds = 30 * 86400.0
    #: A session ends after so long, however much it is used (90 days).
    session_seconds: Seconds = 90 * 86400.0
    #: Sessions of one account that have not ended; the one used longest ago ends for a new one. 0: no bound.
    sessions_per_account: Optional = 64
    #: Messages of one account in a second; one to a list counts as many as it has recipients. 0: no bound, as
    #: with all the rates.
    messages: Frequency = 100.0
    #: Messages of one account at once: an outbox of some hours without a network.
    messages_burst: Count = 200
    #: Bytes of text of one account in a second, as stored: once for each recipient.
    message_bytes: Frequency = 2.0 * 1024 * 1024
    #: Bytes of text of one account at once: a longest text to a longest list of an older client.
    message_bytes_burst: Count = 4 * 1024 * 1024
    #: Messages in one group in a second, of all its members: each is for everybody.
    group_messages: Frequency = 50.0
    #: Messages in one group at once: a question and everybody's answer.
    group_messages_burst: Count = 100
    #: Addresses that one account writes to for the first time ever, in an hour: people know few others.
    contacts_per_hour: Frequency = 20.0
    #: Other commands of one account, or of a connection before login, in a second.
    commands: Frequency = 50.0
    #: Other commands at once: a client that starts asks for much.
    commands_burst: Count = 200
    #: Attempts to log in from one address in a minute: one each five seconds.
    logins_per_minute: Frequency = 12.0
    #: Attempts to log in from one address at once: who mistypes a few times should not notice.
    logins_burst: Count = 5
    #: Wrong passwords for one account in a minute that bring no longer delay: one each thirty seconds.
    failures_per_minute: Frequency = 2.0
    #: Wrong passwords for one account at once; then each attempt is delayed, twice as long as the one before.
    failures_burst: Count = 5
    #: The longest such delay: who knows the password is not shut out, but waits.
    delay_seconds: Seconds = 30.0
    #: Delayed attempts for one account, each from another address: so many passwords a delay can be tried,
    #: and so many networks it takes to keep an owner out who comes from a new place.
    delayed_per_account: Count = 64
    #: Delayed attempts for all accounts: each holds a connection.
    delayed: Count = 1024
    #: Accounts that one address makes in an hour, all at once if it likes.
    registrations_per_hour: Frequency = 10.0
    #: Accounts that strangers make in an hour, from all addresses: names are taken for ever. It does not
    #: count where each takes an invitation.
    registrations_per_hour_in_all: Frequency = 100.0
    #: Members of one group: each post looks up who of them is there, and each is a row.
    members_per_group: Count = 20_000
    #: Rooms, which guests make who have no account: their names are taken for ever.
    rooms: Count = 10_000
    #: Bytes of a file that a guest sends in a room: everybody there gets it unasked, and is busy with it.
    room_file_bytes: Count = 16 * 1024 * 1024
    #: Groups that one account may be in: each has a look-up in a replay.
    groups_per_account: Count = 1_000
    #: Addresses that one account may block: each is compared with in its groups.
    blocks_per_account: Count = 1_000
    #: Accounts and groups kept in memory; the rest is read again when needed.
    cached_names: Count = 10_000
    #: Items that wait for one other realm: some days of a busy one. Beyond it a ``send`` is refused.
    outbox_items: Count = 100_000
    #: Bytes of text that wait for one other realm: what an outage may take of the disk.
    outbox_bytes: Count = 256 * 1024 * 1024
    #: Bytes of one file, sent here or offered by another realm. 0: no bound.
    file_bytes: Optional = 50 * 1024 * 1024
    #: Bytes of files that one account sends in a day. 0: no bound.
    file_bytes_a_day: Optional = 500 * 1024 * 1024
    #: Uploads of one account that are not finished: files at once.
    uploads: Count = 8
    #: An upload that is not finished ends after so long (7 days).
    upload_seconds: Time = 7 * 86400.0
    #: Bytes of a file in one line of an older client; the line is half as long again.
    sendfile_bytes: Count = 8 * 1024 * 1024
    #: Bytes of files that are fetched from one other realm in a day. A file of a group counts from when
    #: somebody asks for it; beyond the bound it is not fetched before there is room again. 0: no bound.
    peer_file_bytes_a_day: Optional = 2 * 1024 * 1024 * 1024
    #: Files that are fetched from one other realm at a time.
    fetches: Count = 4
    #: Items of one stream that a gateway holds until their destination has them: some hours of a busy one.
    held_items: Count = 10_000
    #: Bytes of them, signatures and all.
    held_bytes: Count = 64 * 1024 * 1024
    #: Bytes that a gateway holds of all streams together: what others may take of its disk. What one
    #: neighbour brought takes at most as much as is left for the others.
    held_total_bytes: Count = 1024 * 1024 * 1024
    #: The time in which another realm has to prove who it is: two round trips, and signatures of a tenth of a
    #: millisecond.
    link_handshake_seconds: Time = 10.0
    #: A link on which nothing came for so long asks the other side for a sign of life.
    link_quiet_seconds: Time = 30.0
    #: A link on which nothing came for so long is dead: a network that is mended sooner keeps it.
    link_dead_seconds: Time = 90.0
    #: The longest time between two dials of a realm that does not answer; after a day, twelve times as long.
    link_retry_seconds: Time = 300.0


#: The bounds on how often something may happen.
RATES = tuple(name for name, kind in Limits.__annotations__.items() if kind == "Frequency")


def without_rates(limits: Limits) -> Limits:
    """Return the same limits with all rates switched off; what bounds memory stays."""
    return structs.replace(limits, **dict.fromkeys(RATES, 0.0))


#: What is kept towards addresses on this machine: no rates, no bound per address or account, no deadline.
LOOPBACK = without_rates(
    Limits(
        login_seconds=0.0,
        connections_per_address=0,
        connections_per_account=0,
        sessions_per_account=0,
        file_bytes=0,
        file_bytes_a_day=0,
    )
)
