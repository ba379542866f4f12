"""Every bound and every time of a link, each with its reason. Those that an operator may move are in
:class:`~chatproto.limits.Limits`.
"""

from __future__ import annotations

_DAY = 86_400_000

#: Items that were sent and whose verdicts are not on disk yet, and their bytes: what a link holds in memory.
WINDOW_ITEMS = 256
WINDOW_BYTES = 1024 * 1024
#: Refusals that the other side has not settled, each of which is told in every ack. A peer that keeps to the
#: window above stays far below it.
REFUSALS = 1000

#: Entries of one group that are sent before it is another one's turn, and their bytes.
ENTRY_ITEMS = 32
ENTRY_BYTES = 128 * 1024
#: Entries of all groups that go before the first is acked: who was away for long may be weak.
FIRST_ENTRIES = 8
#: Groups of one realm that another one has copies of: each has its place in memory while there is a link.
GROUPS = 16_384
#: The same by a route, where a gateway drops what it has no room for: entries and bytes under way, as many as
#: a connection buffers; slips that wait for room here; the seconds after which what came is confirmed, if
#: nothing else is said; and those that a talk lasts at least.
TALK_ENTRIES = 64
TALK_BYTES = 32 * 1024
TALK_SLIPS = 256
TALK_PAUSE = 0.2
TALK_LEAST = 10.0
#: Seconds after which a home tells again what a group is, in case a copy has come to differ.
DIGEST_PERIOD = 600.0
#: Members of a group in one answer: with the longest names far below a line between realms.
MEMBERS_PAGE = 500
#: Members of a group that are taken over at once: more than a realm may let in by default, and still memory.
MEMBERS = 100_000
#: Seconds until members are asked for again that changed meanwhile: twice as many each time, up to so many.
MEMBERS_PAUSE = 1.0
MEMBERS_PAUSES = 64.0

#: When who was told that too much waits may try again: peers that were away take a while to take it all.
QUEUE_RETRY = 30.0

#: After so long (milliseconds) an item that was never sent is withdrawn, and one that arrives is refused.
EXPIRES = 7 * _DAY
#: Refusals are kept so long past that, so that a repeat gets the same verdict.
REFUSAL_KEPT = 30 * _DAY
#: Settled items are kept so long, and so many bytes of them, for a peer that gets an older copy of its store.
SETTLED_KEPT = 7 * _DAY
SETTLED_BYTES = 64 * 1024 * 1024
#: Rows read or removed at once where nobody waits for it.
PORTION_ITEMS = 200
PORTION_BYTES = 1024 * 1024

#: Looks at the time after which a link on which nothing came asks for a sign of life.
ASK_AFTER = 2
#: Seconds in which a connection has to show that it lives, if another one would take its place.
PROOF_OF_LIFE = 5.0
#: Frames of a second connection that are kept until it is decided which one stays: no honest peer says more.
EARLY_FRAMES = 8

#: Seconds until something is tried again that the store refused for now.
STORE_PAUSE = 1.0
#: The same if it was lost with somebody else's: the store may be well.
LOST_PAUSE = 0.01
#: Seconds between two looks for items that are overdue, and for rows that may go.
OVERDUE_PERIOD = 60.0
UPKEEP_PERIOD = 600.0

#: People whose newest receipt waits to be sent; what does not fit is dropped: the next one tells the same.
RECEIPTS = 1024
#: Seconds in which receipts gather.
RECEIPT_PAUSE = 0.1
#: Questions under way to one realm, and of it: each is little, but somebody waits.
QUESTIONS = 64
#: Seconds that an answer may take.
ANSWER_SECONDS = 10.0
#: Seconds in which the answer to who is there is given again.
ACTIVE_SECONDS = 5.0
#: Addresses that were refused not long ago, and the seconds for which that is remembered: until somebody has
#: seen the bounce, and tries something else.
REFUSED_ADDRESSES = 1024
REFUSED_SECONDS = 60.0
#: Verdicts that are remembered for who asks a moment late.
VERDICTS = 256
#: Codes by which the refusals of one realm are counted: more than it has reasons.
CODES = 32

#: Longest pause of who takes only so many items a second.
RATE_PAUSE = 10.0
#: Realms that dialled and are not trusted whose keys are remembered, so that an operator may approve them.
STRANGERS = 64

#: Dials at once, and in a second: a realm with many links must not drown itself at its start.
DIALS = 8
DIAL_SPACING = 0.05
#: Seconds over which the first dials are spread, for each link, and at most.
SPREAD_EACH = 0.1
SPREAD_MOST = 10.0
#: Seconds of the first delay.
FIRST_DELAY = 1.0
#: When a realm was away for so long, the longest delay is so many times as long.
LATER = 86_400.0
LATER_FACTOR = 12
#: A link that stood for so long has worked: only then are the failures before it forgotten.
ESTABLISHED = 60.0
#: A dial that has neither failed nor become a link after so long has failed: its parts may take less.
DIAL_SECONDS = 60.0

#: What both sides of a link have to be able to, so that frames of routes go on it.
ROUTES = "routes"
#: Seconds in which what was sent on a route should have moved; then it is sent again, each time after twice
#: as long: a destination that is away for a week costs a frame an hour.
PATIENCE = 60.0
PATIENCE_MOST = 3600.0
#: Seconds between two questions where a destination stands, and between two of its answers that say nothing
#: new: who replays what is old gets no more than that.
ROUTE_PAUSE = 1.0
#: Seconds that a direct link may be down until a route is used instead.
ROUTE_GRACE = 10.0
#: How often a realm that was started says where it stands, in three hours, unless something new arrives: its
#: store may be an older copy, and who sends nothing would not notice.
ANNOUNCEMENTS = 8
#: Parcels of a stream that wait until it is known where it stands: what may be sent without an answer.
EARLY_PARCELS = 256
#: Streams that one neighbour may have passed on, each with its place in memory.
RUNS = 1024
#: Bytes of the verdicts that are kept for origins, which are in memory, too: a hundred thousand usual ones.
VERDICT_BYTES = 32 * 1024 * 1024
#: Rows removed at once when a destination has them.
FREED_AT_ONCE = 1000
#: What a row takes on disk beside its body.
HELD_EXTRA = 512

#: Realms that are linked as somebody introduced them: more is no longer a circle of acquaintances.
INTRODUCED = 1000
#: Realms of which nobody told, and the seconds for which that is remembered.
NOT_INTRODUCED = 1024
INTRODUCTION_SECONDS = 60.0

#: What both sides of a link have to be able to, so that bytes of files go on it.
FILES = "files"
#: Bytes of one file that may be under way, and so in memory, before they are written: what a link of 10 MB/s
#: needs over 100 ms. By a route less, as gateways drop what they have no room for.
FILE_WINDOW = 1024 * 1024
FILE_WINDOW_ROUTED = 256 * 1024
#: Seconds without a chunk after which a file is asked for again from where it is, and how often.
FETCH_PATIENCE = 20.0
FETCH_TRIES = 4
#: Seconds until a file is tried again that could not be fetched: so many at first, then twice as many.
FETCH_PAUSE = 5.0
FETCH_PAUSE_MOST = 3600.0
#: Seconds until it is tried again after there was no room on the disk.
FULL_PAUSE = 30.0
#: How often a file may come with other bytes than were said. By a route a gateway may have changed them.
WRONG = 2
WRONG_ROUTED = 8
#: Files of one realm that wait for another try, and are remembered: others are tried sooner.
FETCHES_LATER = 1024
#: Rows of files that are read at once, and new ones that are known without that.
FETCH_PAGE = 32
#: Bytes that come on a connection and nobody asked for, before it is ended: all that may have been under way
#: when this side gave up.
UNASKED_BYTES = 32 * 1024 * 1024
#: Files that one realm is given at a time, more than it should ask for; and that are to be looked up.
SERVED = 16
LOOKED_UP = 64
#: Seconds after one that it may not have: who asks for what is not its own is answered slowly.
REFUSED_PAUSE = 0.05
#: Seconds after which it may ask again for one that is not here.
SERVED_LATER = 5.0
#: What a piece of a file costs beside its bytes: of memory where it waits, and of the turn of who sends it.
PIECE_BYTES = 1024
#: Bytes of memory that a gateway holds for one next realm, and of them for one pair of realms.
FORWARDED_BYTES = 4 * 1024 * 1024
FORWARDED_OF_PAIR = 512 * 1024

#: Seconds in which an original server of an older system has to reply, as it answers from memory and its
#: client is waiting; and the bytes of a request for which it gets one more.
ORIGINAL_SECONDS = 2.5
ORIGINAL_BYTES = 200_000
#: Seconds in which one has to take a connection that somebody waits for, and answer a question beside its
#: link.
ORIGINAL_DIAL = 2.0
ORIGINAL_ASIDE = 1.0
#: Links that there may be for one to make one more by itself: in a lab anybody can say to be one.
ORIGINALS = 1024
#: Items for one that are looked at together; as many recipients may a command have.
ORIGINAL_ITEMS = 64
#: Texts that were brought to one and that it may still keep for its own users.
ORIGINAL_PUSHED = 1000
