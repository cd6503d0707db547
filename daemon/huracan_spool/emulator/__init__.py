"""A strict, stateful Dropbox over HTTP and HTTPS, for tests, for the demo and by itself.

It knows nothing of this package's own Dropbox client, nor that of it: a misreading on one side must show on
the other.
"""

from __future__ import annotations

from huracan_spool.emulator.account import Write
from huracan_spool.emulator.calls import CallRecord
from huracan_spool.emulator.emulator import Emulator
from huracan_spool.emulator.faults import ActiveFault, Fault, Faults
from huracan_spool.emulator.options import ALL_SCOPES, EmulatorOptions
from huracan_spool.emulator.planting import Plant
from huracan_spool.emulator.view import FileView
from huracan_spool.emulator.wan_profile import PROFILES, WanProfile, parse_profile

__all__ = [
    "ALL_SCOPES",
    "PROFILES",
    "ActiveFault",
    "CallRecord",
    "Emulator",
    "EmulatorOptions",
    "Fault",
    "Faults",
    "FileView",
    "Plant",
    "WanProfile",
    "Write",
    "parse_profile",
]
