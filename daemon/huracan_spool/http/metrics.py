"""What /metrics says. Labels are short closed lists: no run, no symbol, no path is ever one."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator

from huracan_spool import __version__
from huracan_spool.activity import Activity, Stage
from huracan_spool.codes import Code
from huracan_spool.http.exposition import (
    Family,
    counter,
    counters,
    exposition,
    gauge,
    gauges,
    histogram,
    info,
)
from huracan_spool.http.health import is_ready
from huracan_spool.http.process import process_metrics
from huracan_spool.http.view import Picture
from huracan_spool.receipt import FAILED, UPLOADED
from huracan_spool.standing import Space

_PAUSED_BY = {True: "person", False: "network"}


def metrics(picture: Picture) -> str:
    return exposition(_families(picture))


def _families(picture: Picture) -> Iterator[Family]:
    yield info(
        "huracan_spool_build_info",
        "Always 1; what is running.",
        version=__version__,
        python=platform.python_version(),
        store=picture.standing.store,
    )
    yield gauge(
        "huracan_spool_ready", "1 while the spool and the store can be used, as in /readyz.", is_ready(picture)
    )
    yield from _queue(picture)
    yield from _runs(picture.activity)
    yield from _store(picture)
    yield from _spool(picture)
    yield from process_metrics(picture.activity.started_at)


def _queue(picture: Picture) -> Iterator[Family]:
    standing = picture.standing
    stages = Counter(run.stage for run in picture.activity.under_way)
    yield gauge("huracan_spool_pending_runs", "Runs in the spool, those under way included.", standing.pending)
    yield gauge(
        "huracan_spool_oldest_pending_age_seconds",
        "Time since the oldest pending run was published; 0 when none is pending.",
        picture.oldest_age,
    )
    yield gauge(
        "huracan_spool_delayed_runs",
        "Pending runs that wait for another try or for another run of their symbol and date.",
        standing.delayed,
    )
    yield gauges(
        "huracan_spool_runs_under_way",
        "Runs in work, by where they are.",
        "stage",
        {str(stage): stages[stage] for stage in Stage},
    )
    yield gauge(
        "huracan_spool_quarantined_runs", "Failed runs that wait in failed/ for a person.", len(picture.disk.failed)
    )


def _runs(activity: Activity) -> Iterator[Family]:
    totals = activity.totals
    yield counters(
        "huracan_spool_runs_settled_total",
        "Runs that reached their end, by result.",
        "result",
        {result: totals.settled[result] for result in (UPLOADED, FAILED)},
    )
    yield counters(
        "huracan_spool_run_failures_total",
        "Failed runs, by code.",
        "code",
        {str(code): totals.failed[str(code)] for code in Code},
    )
    yield counter(
        "huracan_spool_run_retries_total", "Attempts at a run that ended with another to come.", totals.retried
    )
    yield histogram(
        "huracan_spool_run_duration_seconds",
        "Time from taking up a run to its receipt, for the attempt that uploaded it.",
        totals.run_seconds,
    )
    yield histogram(
        "huracan_spool_run_age_seconds", "Time from the publication of a run to its receipt.", totals.run_ages
    )
    yield counter(
        "huracan_spool_uploaded_bytes_total", "Artifact bytes of the runs uploaded.", totals.uploaded_bytes
    )
    if activity.last_success is not None:
        yield gauge(
            "huracan_spool_last_success_timestamp_seconds",
            "When a run was last uploaded, in seconds since 1970.",
            activity.last_success,
        )


def _store(picture: Picture) -> Iterator[Family]:
    totals, paused, facts = picture.activity.totals, picture.standing.paused, picture.disk.store
    yield gauges(
        "huracan_spool_paused",
        "1 while no run may go to the store: until a person acts, or until the network is back.",
        "reason",
        {name: paused is not None and paused.needs_person is person for person, name in _PAUSED_BY.items()},
    )
    yield counters(
        "huracan_spool_pauses_total",
        "Pauses of all uploads.",
        "reason",
        {name: totals.pauses[person] for person, name in _PAUSED_BY.items()},
    )
    yield counter(
        "huracan_spool_sent_bytes_total",
        "Bytes of contents sent to the store, repeats included.",
        totals.bytes_sent,
    )
    yield Family(
        "huracan_spool_api_calls_total",
        "counter",
        "Calls of the store's API, by route and outcome; rate_limited is status 429.",
        tuple(
            ("", (("route", route), ("outcome", outcome)), count)
            for (route, outcome), count in sorted(totals.calls.items())
        ),
    )
    yield counter("huracan_spool_api_retries_total", "Calls that were made again.", totals.calls_repeated)
    yield histogram(
        "huracan_spool_api_call_duration_seconds", "Time that a call of the store's API took.", totals.call_seconds
    )
    if facts.token_good_for is not None:
        yield gauge(
            "huracan_spool_token_expiry_timestamp_seconds",
            "When the access token in use ends, in seconds since 1970; it is renewed before.",
            picture.now + facts.token_good_for,
        )
    if facts.space is not None:
        yield from _space("huracan_spool_store", "the local archive's file system", facts.space)


def _spool(picture: Picture) -> Iterator[Family]:
    activity = picture.activity
    if picture.disk.spool_space is not None:
        yield from _space("huracan_spool_spool", "the spool's file system", picture.disk.spool_space)
    yield gauge(
        "huracan_spool_orphan_files", "Files in the spool that no manifest names, for two looks.", activity.orphans
    )
    if activity.rescan is not None:
        yield gauge(
            "huracan_spool_last_rescan_timestamp_seconds",
            "When the whole spool was last read, in seconds since 1970.",
            activity.rescan.at,
        )
        yield gauge("huracan_spool_last_rescan_duration_seconds", "How long that took.", activity.rescan.seconds)
    yield counter(
        "huracan_spool_rescan_failures_total", "Looks at the spool that failed.", activity.totals.rescans_failed
    )
    yield gauge(
        "huracan_spool_event_loop_lag_seconds",
        "The longest that the event loop was late in the last minute.",
        activity.loop_lag,
    )


def _space(prefix: str, of: str, space: Space) -> Iterator[Family]:
    yield gauge(f"{prefix}_free_bytes", f"Free bytes of {of}.", space.free)
    yield gauge(f"{prefix}_size_bytes", f"Size of {of}.", space.size)
