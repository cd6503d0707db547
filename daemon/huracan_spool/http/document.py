"""What /status says: as `huracan-spool status --json`, and what only the running daemon knows."""

from __future__ import annotations

import os
from typing import Any

from huracan_spool import __version__
from huracan_spool.activity import UnderWay
from huracan_spool.http.health import checks, is_ready
from huracan_spool.http.view import Picture
from huracan_spool.record import rfc3339_at


def document(picture: Picture) -> dict[str, Any]:
    """Times are RFC 3339 in UTC, durations seconds, speeds bytes per second."""
    activity, totals = picture.activity, picture.activity.totals
    return picture.overview().to_json() | {
        "version": __version__,
        "pid": os.getpid(),
        "started_at": rfc3339_at(activity.started_at),
        "ready": is_ready(picture),
        "checks": {check.name: check.trouble for check in checks(picture)},
        "stopping": picture.standing.stopping,
        "oldest_pending_seconds": round(picture.oldest_age, 1),
        "delayed": picture.standing.delayed,
        "orphans": activity.orphans,
        "last_success": rfc3339_at(activity.last_success) if activity.last_success is not None else None,
        "under_way": [_under_way(run, picture.monotonic) for run in activity.under_way],
        "bytes_per_second": round(activity.speed.at(picture.monotonic, totals.bytes_sent)),
        "since_start": {
            "uploaded": totals.settled["uploaded"],
            "failed": totals.settled["failed"],
            "retries": totals.retried,
            "bytes_sent": totals.bytes_sent,
        },
        "spool_free_bytes": picture.disk.spool_space.free if picture.disk.spool_space else None,
    }


def _under_way(run: UnderWay, now: float) -> dict[str, Any]:
    return {
        "run": run.run,
        "symbol": run.symbol,
        "stage": run.stage,
        "seconds": round(now - run.began, 1),
        "bytes": run.bytes_total,
        "bytes_out": run.bytes_out,
        "bytes_per_second": round(run.speed.at(now, run.bytes_out)),
    }
