"""What a client asks about its user's own account: :class:`Account`, which :attr:`ChatClient.account` is."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from chatproto.client.link import Credentials
from chatproto.client.requests import Request
from chatproto.commands import Block, Blocks, DeleteAccount, Logout, NewPassword, Revoke, Sessions, Unblock
from chatproto.events import BlockList, Done, SessionList


class Account:
    """The user's password, sessions and blocks; every method asks over the present connection."""

    def __init__(
        self, request: Request, credentials: Credentials, close: Callable[[], Deferred[None]]
    ) -> None:
        self._request = request
        self._credentials = credentials
        self._close = close

    def change_password(self, old: str, new: str) -> Deferred[Done]:
        """Replace the password and end all other sessions; this client's goes on.

        :raises LoginFailed: ``old`` is wrong.
        """
        return self._request(NewPassword(old=old, new=new), Done).addCallback(self._changed, new)

    def _changed(self, done: Done, password: str) -> Done:
        if self._credentials.password is not None:  # else the client lives by its token alone
            self._credentials.password = password
        return done

    def delete(self, password: str) -> Deferred[None]:
        """Delete the account, for ever, and close the client.

        :raises LoginFailed: the password is wrong, and nothing was done.
        """
        return self._request(DeleteAccount(password=password), Done).addCallback(self._over)

    def logout(self, *, everywhere: bool = False) -> Deferred[None]:
        """End the session, or all sessions of the account, and close the client."""
        return self._request(Logout(everywhere=everywhere), Done).addCallback(self._over)

    def _over(self, done: Done) -> Deferred[None]:
        return self._close()

    def sessions(self) -> Deferred[SessionList]:
        """List the sessions that have not ended."""
        return self._request(Sessions(), SessionList)

    def revoke(self, session: int) -> Deferred[Done]:
        """End one session by its number."""
        return self._request(Revoke(session=session), Done)

    def block(self, address: str) -> Deferred[Done]:
        """Hear nothing more from an address."""
        return self._request(Block(address=address), Done)

    def unblock(self, address: str) -> Deferred[Done]:
        """Hear an address again."""
        return self._request(Unblock(address=address), Done)

    def blocks(self) -> Deferred[BlockList]:
        """List the addresses that are blocked."""
        return self._request(Blocks(), BlockList)
