"""Threads that start late, keep order, and end."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import gatherResults
from zope.interface.verify import verifyObject

from chatproto.executors import InlineExecutor, ThreadExecutor
from chatproto.interfaces import IExecutor


def executor(threads: int) -> ThreadExecutor:
    from twisted.internet import reactor

    installed: Any = reactor
    return ThreadExecutor(installed, "test-executor", threads)


def running() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "test-executor" in thread.name]


@ensureDeferred
async def test_one_thread_works_in_order_and_answers_on_the_reactors() -> None:
    one = executor(1)
    assert verifyObject(IExecutor, one)
    assert running() == []
    seen: list[int] = []
    done = gatherResults([one.run(seen.append, number) for number in range(50)])
    thread = await one.run(threading.current_thread)
    await done
    assert seen == list(range(50))
    assert thread is not threading.current_thread()
    assert not thread.daemon
    assert len(running()) == 1
    one.stop()
    one.stop()
    assert running() == []


@ensureDeferred
async def test_stopping_waits_for_work_under_way_and_a_later_call_starts_again() -> None:
    one = executor(1)
    begun, go, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait(5)
        ended.set()

    done = one.run(work)
    begun.wait(5)
    threading.Timer(0.05, go.set).start()
    one.stop()
    assert ended.is_set()
    await done
    assert await one.run(lambda: 7) == 7
    one.stop()


@pytest.mark.parametrize("threads", [0, 1])
@ensureDeferred
async def test_errors_come_back(threads: int) -> None:
    either = executor(threads) if threads else InlineExecutor()
    assert verifyObject(IExecutor, either)
    with pytest.raises(ZeroDivisionError):
        await either.run(lambda: 1 / 0)
    either.stop()
