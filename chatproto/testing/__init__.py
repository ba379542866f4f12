"""A federation in one process, on virtual time, with everything going wrong that a seed says; and stores with
faults. For the tests of those who build on chatproto.

Public, and kept as stable as the rest. Nothing of the library itself may need it.
"""

from chatproto.testing.clock import ProcessClock
from chatproto.testing.hosts import RealmHost
from chatproto.testing.machines import Machine
from chatproto.testing.names import PASSWORD
from chatproto.testing.network import DidNotHappen, Network
from chatproto.testing.simulation import Mode, Options, Report, simulate
from chatproto.testing.topology import Topology

__all__ = [
    "PASSWORD",
    "DidNotHappen",
    "Machine",
    "Mode",
    "Network",
    "Options",
    "ProcessClock",
    "RealmHost",
    "Report",
    "Topology",
    "simulate",
]
