"""For the tests of those who build on chatproto: stores with faults, and disks that survive a crash.

Public, and kept as stable as the rest. Nothing of the library itself may need it.
"""
