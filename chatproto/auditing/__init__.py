"""Whether the promise came true, by the audit logs of realms that are at rest: read, compared, told."""

from chatproto.auditing.report import Lost, Pair, Report, Violation
from chatproto.auditing.verifying import verify

__all__ = ["Lost", "Pair", "Report", "Violation", "verify"]
