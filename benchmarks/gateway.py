"""What a gateway costs: the same messages from realm to realm directly, and by one gateway, in one run.

Messages a second until delivered, with 256 in flight, the processor time of each realm for one, and the time
from send to delivery at 100 a second. All realms are on SQLite with real syncs, and share one core.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.latency import WARM_UP as FIRST
from benchmarks.latency import percentiles, times_of
from benchmarks.link import TO, two_realms
from benchmarks.server import Server, pin_load
from benchmarks.window import BURST, WINDOW, drive

MESSAGES = 10_240
WARM_UP = 1_024


def key_of(folder: Path, name: str) -> str:
    """Make the key of a realm, and return what others pin."""
    store = f"sqlite:///{folder}/{name}.db"
    command = [sys.executable, "-m", "chatproto", "realm", "key", "--realm", name, "--store", store]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def serve(folder: Path, name: str, text: str, *options: str) -> Server:
    path = folder / f"{name}.toml"
    path.write_text(text)
    store = f"sqlite:///{folder}/{name}.db"
    return Server("--config", str(path), "--log-level", "warn", *options, realm=name, store=store)


@contextmanager
def by_gateway() -> Iterator[tuple[Server, Server, Server]]:
    """Serve alpha, gamma and beta, of which the first and the last know each other by the one between."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="chatproto-gateway-")))
        keys = {name: key_of(folder, name) for name in ("alpha", "beta", "gamma")}
        pins = "".join(f'[peers.{name}]\npin = "{keys[name]}"\n' for name in ("alpha", "beta"))
        listen = ("--listen", "peer=tcp:0:interface=127.0.0.1")
        gamma = stack.enter_context(serve(folder, "gamma", f"relay = true\n{pins}", *listen))
        ends = []
        for name, other in (("alpha", "beta"), ("beta", "alpha")):
            text = f"""
                [peers.gamma]
                pin = "{keys["gamma"]}"
                connect = "tcp:127.0.0.1:{gamma.peer_port}"
                [peers.{other}]
                pin = "{keys[other]}"
                via = "gamma"
                """
            ends.append(stack.enter_context(serve(folder, name, text)))
        yield ends[0], gamma, ends[1]


def measure(what: str, servers: Sequence[Server], messages: int) -> float:
    """Drive one way, print what it cost, and return the processor time of a message in us."""
    sender = servers[0].connect().login("messi")
    listener = servers[-1].connect().login("henderson")
    listener.ask(do="listen")
    drive(sender, listener, 1, WARM_UP, cids=True, to=TO)
    before = [server.processor_seconds() for server in servers]
    seconds = drive(sender, listener, WARM_UP + BURST, messages, cids=True, to=TO)
    each = [
        (server.processor_seconds() - begin) / messages * 1e6
        for server, begin in zip(servers, before, strict=True)
    ]
    median, late = percentiles(times_of(sender, listener, TO)[FIRST:])
    places = ("the sender's realm", "the gateway", "the recipient's")
    named = zip(places if len(each) == 3 else places[::2], each, strict=True)
    print(
        f"gateway: {what}: {messages / seconds:,.0f} messages/s, until delivered; {sum(each):.0f} us of "
        f"processor each ({', '.join(f'{cost:.0f} at {place}' for place, cost in named)}; "
        f"window {WINDOW}, SQLite); at 100 messages/s {median:.2f} ms median, "
        f"{late:.2f} ms 99th percentile from send to delivery",
        flush=True,
    )
    return sum(each)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=MESSAGES, help="a multiple of 64")
    messages = parser.parse_args().messages
    pin_load()
    with two_realms() as servers:
        direct = measure("directly", servers, messages)
    with by_gateway() as three:
        routed = measure("by one gateway", three, messages)
    print(f"gateway: a message costs {routed / direct:.1f} times as much by a gateway", flush=True)


if __name__ == "__main__":
    main()
