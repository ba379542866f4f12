"""A disk that fails under a running realm: it ends, and says nothing about what it does not know."""

from __future__ import annotations

import resource
import sys

import pytest

from tests.system.running import RunningRealm, history


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux changes the limits of another process")
def test_a_failed_write_ends_the_realm_without_an_answer_and_loses_nothing(server: RunningRealm) -> None:
    with server.login("messi") as messi:
        first = messi.ask(do="send", to="lineker", text="before", cid="disk:1")
        assert first["status"] == "OK"
        # The log cannot grow any more: every write to its end fails.
        size = server.store.with_name("alpha.db-wal").stat().st_size
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, size))
        messi.write(do="send", to="lineker", text="after", cid="disk:2")
        # Neither OK nor ERROR: whether it is stored is known after the next start only.
        assert messi.read() is None
        assert server.wait() == 1
    assert server.log().splitlines()[-1].startswith("chatproto: the store sqlite:///")
    server.start()
    with server.login("messi") as messi, server.login("lineker") as lineker:
        assert messi.ask(do="send", to="lineker", text="before", cid="disk:1") == first
        assert messi.ask(do="send", to="lineker", text="after", cid="disk:2")["status"] == "OK"
        assert [item["text"] for item in history(lineker, "messi")] == ["before", "after"]
