"""``twistd chatproto``: the options of ``chatproto serve`` for twistd, and nothing else."""

from __future__ import annotations

import atexit
import contextlib
import os
from pathlib import Path
from typing import ClassVar

from twisted.application.service import IService
from twisted.cred.strcred import AuthOptionMixin
from twisted.internet.error import ReactorNotRunning
from twisted.internet.posixbase import PosixReactorBase
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from chatproto.checkers import CREDENTIALS
from chatproto.configuration import (
    Config,
    configure,
    in_surroundings,
    read_settings,
    settings_from_flags,
)
from chatproto.errors import ConfigError
from chatproto.lab import guide
from chatproto.listeners import check_certificates
from chatproto.process import on_hangup, prepare_process, settle_process
from chatproto.service import Listening, realm_service

_log = Logger()


class Options(UsageOptions, AuthOptionMixin):
    """The options of ``twistd chatproto``."""

    supportedInterfaces = CREDENTIALS

    synopsis = "[options]"
    longdesc = (
        "Runs one realm. The options are those of `chatproto serve`; twistd's own come before `chatproto`."
    )

    optParameters: ClassVar[list[list[str | None]]] = [
        ["realm", None, None, "Name of the realm."],
        ["store", None, None, "sqlite:///PATH, postgresql://... or memory:"],
        ["files", None, None, "Where files are that people send (default: beside the store)."],
        ["control", None, None, "Control socket (default: beside the store)."],
        ["config", None, None, "Configuration (TOML)."],
        ["registration", None, None, "open, invite or closed: who may make an account."],
        ["file-entries", None, None, "string or object: what a file is in an older client's inbox."],
    ]
    optFlags: ClassVar[list[list[str | None]]] = [
        ["lab", None, "A course set-up: demo users, all older systems on this machine."],
        ["insecure", None, "Allow plain TCP, or a lab, beyond this machine."],
        ["exact-bodies", None, "Keep blanks and line ends of text commands."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self.auth: str | None = None
        self.listen: list[str] = []
        self.limit: list[str] = []
        self.configuration: Config | None = None

    def opt_auth(self, description: str) -> None:
        """Who knows the passwords, instead of the store: TYPE or TYPE:ARGUMENT, as in --help-auth."""
        if self.auth is not None:
            raise UsageError("--auth: one at most")
        self.auth = description

    def opt_listen(self, pair: str) -> None:
        """NAME=ENDPOINT: where to listen; the names are those of `chatproto serve`. May be repeated."""
        self.listen.append(pair)

    def opt_limit(self, pair: str) -> None:
        """NAME=VALUE: move a bound. May be repeated."""
        self.limit.append(pair)

    def postOptions(self) -> None:
        """Check everything now, so that a mistake ends twistd before it goes to the background."""
        try:
            settings = settings_from_flags(
                listen=self.listen,
                limit=self.limit,
                auth=self.auth,
                file_entries=self["file-entries"],
                **{name: self[name] for name in ("realm", "store", "files", "control", "registration")},
                **{
                    name.replace("-", "_"): bool(self[name]) or None
                    for name in ("lab", "insecure", "exact-bodies")
                },
            )
            if self["config"]:
                settings = settings.over(read_settings(Path(self["config"])))
            self.configuration = configure(in_surroundings(settings, os.environ))
            check_certificates(self.configuration.listeners)
        except ConfigError as error:
            raise UsageError(str(error)) from error


def makeService(options: Options) -> IService:
    """Return the realm's service, which ends twistd with exit code 1 if the realm fails."""
    from twisted.internet import reactor as installed  # noqa: PLC0415 - twistd has chosen one by now

    assert isinstance(installed, PosixReactorBase)
    config = options.configuration
    assert config is not None
    reactor: PosixReactorBase = installed
    prepare_process()
    service = realm_service(reactor, config)
    if any(listener.tls for listener in config.listeners):
        on_hangup(reactor, service.reload_certificates)

    def failed(failure: Failure) -> None:
        _log.critical("{reason}", reason=failure.getErrorMessage())
        # twistd has no exit code of its own to set, and supervisors restart only what failed.
        atexit.register(os._exit, 1)
        with contextlib.suppress(ReactorNotRunning):  # it may be stopping already
            reactor.stop()

    def serving(where: tuple[Listening, ...]) -> None:
        for line in guide(config, where) if config.lab else ():
            _log.info("{line}", line=line)
        settle_process()

    # Who waits for the end hears of a failure to start, too.
    service.when_started().addCallbacks(serving, lambda _: None)
    service.when_finished().addErrback(failed)
    return service
