"""The time that no client can beat, from the figures of the profile."""

from __future__ import annotations

from math import ceil

from workload import Prepared

from huracan_spool.emulator import WanProfile

ENTRIES_OF_A_COMMIT = 1000
BLOCK_BYTES = 4 * 1024 * 1024
FILES_OF_A_RUN = 7


def floor_seconds(profile: WanProfile, prepared: Prepared) -> float:
    """The larger of line and lock, and one round of data and one commit that nobody can do without."""
    return min(max(line, lock) for line, lock in _ways(profile, prepared)) + _calls(profile)


def ordered_floor_seconds(profile: WanProfile, prepared: Prepared) -> float:
    """As `floor_seconds`, and the last commit after the last byte, whose piece is at least 4 MiB if the file is."""
    last_hold = profile.lock_batch + FILES_OF_A_RUN * profile.lock_entry
    piece = min(max(prepared.sizes.values()), BLOCK_BYTES) / (profile.connection_rate or float("inf"))
    ways = _ways(profile, prepared)
    return min(max(max(line, piece) + last_hold, lock) for line, lock in ways) + _calls(profile)


def _ways(profile: WanProfile, prepared: Prepared) -> list[tuple[float, float]]:
    """Seconds on the line and under the lock: all bytes sent, or the shared candles copied by the server."""
    sizes = prepared.sizes
    shared = sum(size for path, size in sizes.items() if "/data/candles/" in path)
    rate = profile.total_rate or float("inf")
    entries, runs = len(sizes), prepared.work.runs
    return [
        (sum(sizes.values()) / rate, _lock(profile, entries)),
        ((sum(sizes.values()) - shared) / rate, _lock(profile, entries - runs) + _lock(profile, runs)),
    ]


def _lock(profile: WanProfile, entries: int) -> float:
    return ceil(entries / ENTRIES_OF_A_COMMIT) * profile.lock_batch + entries * profile.lock_entry


def _calls(profile: WanProfile) -> float:
    commit = profile.server_time("files/upload_session/finish_batch_v2", "rpc", 0)
    return 2 * profile.rtt + profile.content_call + commit
