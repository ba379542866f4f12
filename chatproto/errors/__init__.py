"""What can go wrong between a client and a realm, and the stable code of each.

::

    ChatError
    ├── BadRequest              bad-request          the line cannot be understood
    │   ├── BadField            bad-field
    │   ├── BadName             bad-name
    │   ├── TooFewWords         too-few-words
    │   ├── UnknownCommand      unknown-command
    │   ├── LineTooLong         line-too-long
    │   ├── TextTooLong         text-too-long
    │   ├── CidReused           cid-reused
    │   └── BadOffset           bad-offset
    ├── NotLoggedIn             not-logged-in        who is asking?
    │   └── NothingToLogOut     not-logged-in
    ├── BadToken                bad-token
    ├── LoginFailed             login-failed
    │   ├── UnknownUser         login-failed
    │   └── WrongPassword       login-failed
    ├── LoginTimeout            login-timeout
    ├── NotAllowed              not-allowed
    ├── Blocked                 refused
    ├── BadInvite               bad-invite
    ├── QuotaReached            quota-reached
    ├── NotSupported            not-supported
    ├── RegistrationClosed      registration-closed
    ├── NameTaken               name-taken
    │   ├── UserExists          user-exists
    │   ├── GroupExists         group-exists
    │   └── RealmExists         realm-exists
    ├── NoSuchUser              no-such-user
    ├── NoSuchGroup             no-such-group
    ├── NoSuchRealm             no-such-realm
    ├── PeerBlocked             blocked
    ├── RealmRefused            realm-refused
    ├── RealmUnreachable        realm-unreachable
    │   └── NotFoundThere       not-found
    ├── NoSuchSession           no-such-session
    ├── NoSuchFile              no-such-file
    ├── FileGone                file-gone
    ├── FileTooLarge            file-too-large
    ├── WrongContent            wrong-content
    ├── AlreadyMember           already-member
    ├── NotMember               not-member
    ├── Unavailable             unavailable          not now: try again
    │   ├── Busy                busy
    │   ├── RateLimited         rate-limited
    │   ├── QueueFull           queue-full
    │   ├── FileNotHere         file-not-here
    │   ├── Conflict            unavailable
    │   ├── MainAway            unavailable
    │   ├── OutcomeUnknown      outcome-unknown
    │   ├── StoreFull           store-full
    │   └── TooManyConnections  too-many-connections
    ├── InternalError           internal-error
    ├── TlsNeeded               tls-needed
    ├── Distrust                distrust             client side: this is not the server that is meant
    │   ├── NoTls               no-tls
    │   ├── UntrustedCertificate  untrusted-certificate
    │   ├── WrongHost           wrong-host
    │   └── PinMismatch         pin-mismatch
    └── UnknownRemoteError      (a code that this version does not know)

A ``ChatError`` is what the other side did, or may be told: its code and its message go on the
wire. What our own caller did wrong is a ``ValueError`` or ``RuntimeError`` and never does; nor
does the text of any other exception. Codes never change their meaning.
"""

from __future__ import annotations

from chatproto.errors.distrust import (
    Distrust,
    NoTls,
    PinMismatch,
    TlsNeeded,
    UntrustedCertificate,
    WrongHost,
)
from chatproto.errors.failures import (
    CannotServe,
    ConfigError,
    DiskFull,
    StoreError,
    StoreFailed,
    StoreInUse,
    StoreRefused,
)
from chatproto.errors.filing import (
    BadOffset,
    FileGone,
    FileNotHere,
    FileTooLarge,
    NoSuchFile,
    WrongContent,
)
from chatproto.errors.fronting import MainAway, OutcomeUnknown
from chatproto.errors.linking import (
    BadFrame,
    BadProof,
    FrameTooLong,
    HandshakeTimeout,
    LinkError,
    LinkLost,
    NoCommonVersion,
    NotLinked,
    OldTls,
    RefusedByPeer,
    Silent,
    UnexpectedFrame,
    UnknownFrame,
    WrongKey,
    WrongRealm,
)
from chatproto.errors.refusals import (
    BY_CODE,
    AlreadyMember,
    BadField,
    BadInvite,
    BadName,
    BadRequest,
    BadToken,
    Blocked,
    Busy,
    ChatError,
    CidReused,
    Conflict,
    ConnectionUnavailable,
    GroupExists,
    InternalError,
    LineTooLong,
    LoginFailed,
    LoginTimeout,
    NameTaken,
    NoSuchGroup,
    NoSuchRealm,
    NoSuchSession,
    NoSuchUser,
    NotAllowed,
    NotFoundThere,
    NothingToLogOut,
    NotLoggedIn,
    NotMember,
    NotSupported,
    PeerBlocked,
    QueueFull,
    QuotaReached,
    RateLimited,
    RealmExists,
    RealmRefused,
    RealmUnreachable,
    RegistrationClosed,
    StoreFull,
    TextTooLong,
    TooFewWords,
    TooManyConnections,
    Unavailable,
    UnknownCommand,
    UnknownRemoteError,
    UnknownUser,
    UserExists,
    WrongPassword,
    from_wire,
)

__all__ = [
    "BY_CODE",
    "AlreadyMember",
    "BadField",
    "BadFrame",
    "BadInvite",
    "BadName",
    "BadOffset",
    "BadProof",
    "BadRequest",
    "BadToken",
    "Blocked",
    "Busy",
    "CannotServe",
    "ChatError",
    "CidReused",
    "ConfigError",
    "Conflict",
    "ConnectionUnavailable",
    "DiskFull",
    "Distrust",
    "FileGone",
    "FileNotHere",
    "FileTooLarge",
    "FrameTooLong",
    "GroupExists",
    "HandshakeTimeout",
    "InternalError",
    "LineTooLong",
    "LinkError",
    "LinkLost",
    "LoginFailed",
    "LoginTimeout",
    "MainAway",
    "NameTaken",
    "NoCommonVersion",
    "NoSuchFile",
    "NoSuchGroup",
    "NoSuchRealm",
    "NoSuchSession",
    "NoSuchUser",
    "NoTls",
    "NotAllowed",
    "NotFoundThere",
    "NotLinked",
    "NotLoggedIn",
    "NotMember",
    "NotSupported",
    "NothingToLogOut",
    "OldTls",
    "OutcomeUnknown",
    "PeerBlocked",
    "PinMismatch",
    "QueueFull",
    "QuotaReached",
    "RateLimited",
    "RealmExists",
    "RealmRefused",
    "RealmUnreachable",
    "RefusedByPeer",
    "RegistrationClosed",
    "Silent",
    "StoreError",
    "StoreFailed",
    "StoreFull",
    "StoreInUse",
    "StoreRefused",
    "TextTooLong",
    "TlsNeeded",
    "TooFewWords",
    "TooManyConnections",
    "Unavailable",
    "UnexpectedFrame",
    "UnknownCommand",
    "UnknownFrame",
    "UnknownRemoteError",
    "UnknownUser",
    "UntrustedCertificate",
    "UserExists",
    "WrongContent",
    "WrongHost",
    "WrongKey",
    "WrongPassword",
    "WrongRealm",
    "from_wire",
]
