"""What a client may be told: one class per refusal, with its code."""

from __future__ import annotations

from typing import ClassVar

#: Every error class that introduces a code, by that code; a client raises the server's class from it.
BY_CODE: dict[str, type[ChatError]] = {}


class ChatError(Exception):
    """Something that a client or a peer may be told.

    The class carries ``code``; ``fatal`` says that the connection ends after it. The message is
    for people and may change; ``retry_after`` is in seconds and present where repeating helps.
    """

    code: ClassVar[str] = "error"
    message: ClassVar[str] = "the command failed"
    fatal: ClassVar[bool] = False

    def __init__(self, message: str | None = None, *, retry_after: float | None = None) -> None:
        super().__init__(message or self.message)
        self.text = message or self.message
        self.retry_after = retry_after

    def __init_subclass__(cls) -> None:
        BY_CODE.setdefault(cls.code, cls)


class BadRequest(ChatError):
    """The line is not a command in any dialect of this port."""

    code = "bad-request"
    message = "the line is neither a JSON object nor a text command in UTF-8"


class BadField(BadRequest):
    """A field of the command is missing or not of its type; the message names it."""

    code = "bad-field"
    message = "a field is missing or not of its type"


class BadName(BadRequest):
    """A name, an address or a cid is malformed."""

    code = "bad-name"
    message = "the name is malformed"


class TooFewWords(BadRequest):
    """A text command lacks words."""

    code = "too-few-words"
    message = "the command needs more words"


class UnknownCommand(BadRequest):
    """There is no such command, or not in this dialect."""

    code = "unknown-command"
    message = "there is no such command"


class LineTooLong(BadRequest):
    """A line passed its bound; after login the connection goes on with the next line."""

    code = "line-too-long"
    message = "the line is too long"


class TextTooLong(BadRequest):
    """A message's text is over the bound in bytes of UTF-8, or contains a NUL."""

    code = "text-too-long"
    message = "a text has at most 16384 bytes of UTF-8 and no NUL"


class CidReused(BadRequest):
    """The cid already belongs to a command with other content."""

    code = "cid-reused"
    message = "this cid was used for other content"


class NotLoggedIn(ChatError):
    """The command needs a session and the connection has none."""

    code = "not-logged-in"
    message = "log in first"


class NothingToLogOut(NotLoggedIn):
    """A logout without any session; older clients have a reply of its own for it."""

    code = "not-logged-in"
    message = "there is no session to end"


class BadToken(ChatError):
    """The token is unknown, expired or revoked."""

    code = "bad-token"
    message = "the token is unknown, expired or revoked"


class LoginFailed(ChatError):
    """The user or the password is wrong; which of the two is not told."""

    code = "login-failed"
    message = "the user or the password is wrong"


class UnknownUser(LoginFailed):
    """Login: no such user. Only the older dialects may show the difference."""

    code = "login-failed"


class WrongPassword(LoginFailed):
    """Login: the password is wrong. Only the older dialects may show the difference."""

    code = "login-failed"


class LoginTimeout(ChatError):
    """The connection did not log in in time."""

    code = "login-timeout"
    message = "no login in time"
    fatal = True


class NotAllowed(ChatError):
    """The command is for others: administrators of the realm, the owner or admins of a group, the invited."""

    code = "not-allowed"
    message = "this is for administrators"


class Blocked(ChatError):
    """The recipient does not want to hear from the sender."""

    code = "refused"
    message = "the recipient does not accept messages from you"


class BadInvite(ChatError):
    """The token that stands for an invitation to register is unknown, used or expired."""

    code = "bad-invite"
    message = "registering here takes an invitation, and this is none that holds"


class QuotaReached(ChatError):
    """The account has as many of these as one may have; the message says of what, and how many."""

    code = "quota-reached"
    message = "you have as many as one may have"


class NotSupported(ChatError):
    """The realm is set up so that this cannot be done here; the message says where."""

    code = "not-supported"
    message = "this realm does not do this"


class RegistrationClosed(ChatError):
    """This realm does not let strangers make accounts."""

    code = "registration-closed"
    message = "registration is closed; ask the operator of this realm for an account"


class NameTaken(ChatError):
    """A user or a group of this realm has, or once had, the name."""

    code = "name-taken"
    message = "the name is taken"


class UserExists(NameTaken):
    """The name that a new account asked for is taken."""

    code = "user-exists"


class GroupExists(NameTaken):
    """The name that a new group asked for is taken."""

    code = "group-exists"


class RealmExists(NameTaken):
    """There is a realm of that name, or a link that is called so."""

    code = "realm-exists"
    message = "there is a realm of that name"


class NoSuchUser(ChatError):
    """Neither a user nor a group has the address."""

    code = "no-such-user"
    message = "there is no such user or group"


class NoSuchGroup(ChatError):
    """No group has the address."""

    code = "no-such-group"
    message = "there is no such group"


class NoSuchRealm(ChatError):
    """The address names a realm that this one has no link to."""

    code = "no-such-realm"
    message = "there is no link to that realm"


class PeerBlocked(ChatError):
    """Nothing goes to the realm of the address, by the decision of the operator here or there."""

    code = "blocked"
    message = "this realm and that one exchange no messages"


class RealmRefused(ChatError):
    """The other realm does not take the message; the text has why: a code, or an older server's words."""

    code = "realm-refused"
    message = "the other realm does not take the message"


class RealmUnreachable(ChatError):
    """No realm answers where one was to be found."""

    code = "realm-unreachable"
    message = "no realm answers there"


class NotFoundThere(RealmRefused):
    """An original server of an older system says that something was not found, and not what."""

    code = "not-found"
    message = "the other server says that something was not found"


class NoSuchSession(ChatError):
    """The account has no session of that number."""

    code = "no-such-session"
    message = "there is no such session"


class AlreadyMember(ChatError):
    """The account is a member of the group already."""

    code = "already-member"
    message = "you are a member of the group already"


class NotMember(ChatError):
    """The account is not a member of the group."""

    code = "not-member"
    message = "you are not a member of the group"


class Unavailable(ChatError):
    """Not stored, for now; the same command may be repeated after ``retry_after`` seconds."""

    code = "unavailable"
    message = "the realm cannot do this now; try again"

    def __init__(self, message: str | None = None, *, retry_after: float | None = 1.0) -> None:
        super().__init__(message, retry_after=retry_after)


class Busy(Unavailable):
    """A bounded queue of the realm is full."""

    code = "busy"
    message = "the realm is busy; try again"


class RateLimited(Unavailable):
    """Too much of this, too fast; after ``retry_after`` seconds the same command passes."""

    code = "rate-limited"
    message = "too much at once; try again later"


class QueueFull(Unavailable):
    """As much waits for the realm of the address as may wait; nothing more is taken until it comes back."""

    code = "queue-full"
    message = "too much waits for that realm already"


class Conflict(Unavailable):
    """Rows of this very command broke a constraint of the store; clients hear `unavailable` as ever."""

    code = "unavailable"


class StoreFull(Unavailable):
    """The disk of the store is full; nothing was stored."""

    code = "store-full"
    message = "the realm's disk is full"


class TooManyConnections(Unavailable):
    """The realm, or the share of one address, has no room for another connection."""

    code = "too-many-connections"
    message = "too many connections"
    fatal = True


class InternalError(ChatError):
    """A fault of the server, which it has logged; the connection ends."""

    code = "internal-error"
    message = "the server failed; its log says why"
    fatal = True


class UnknownRemoteError(ChatError):
    """An error of the other side whose code this version does not know.

    ``remote_code`` is the code as received.
    """

    code = "unknown-remote-error"

    def __init__(self, remote_code: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.remote_code = remote_code


class ConnectionUnavailable(ChatError):
    """Client side: there is no connection, and the outcome of the command is unknown."""

    code = "connection-unavailable"
    message = "the connection to the realm was lost; the outcome is unknown"


def from_wire(code: str, message: str, retry_after: float | None = None) -> ChatError:
    """Return the error that a server refused with, as the class that the server raised."""
    known = BY_CODE.get(code)
    if known is None or known is UnknownRemoteError:
        return UnknownRemoteError(code, message, retry_after=retry_after)
    return known(message, retry_after=retry_after)
