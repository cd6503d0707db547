"""The lists of the page: what is under way, what waits, what failed, what was done."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from huracan_spool import words
from huracan_spool.activity import Stage, UnderWay
from huracan_spool.codes import MEANINGS, Code
from huracan_spool.ledger import WaitingRun
from huracan_spool.manifest import parse_trained_at
from huracan_spool.markup import Html, joined, short, table, tag
from huracan_spool.receipt import RESULT_KEYS
from huracan_spool.recent import Recent
from huracan_spool.spool.failed import FailedRun

_MOST = 20  # rows of a list; /status has them all
_MOST_UNDER_WAY = 10
_TELLING = 0.02  # the share after which the time that is left can be guessed

_STAGES = {
    Stage.OPENING: "opening",
    Stage.WAITING: "waiting for its turn",
    Stage.INSPECTING: "reading and inspecting",
    Stage.UPLOADING: "uploading",
    Stage.COMMITTING: "committing",
    Stage.CLEANING: "cleaning up",
}
_ORDER = list(Stage)


def under_way(runs: Sequence[UnderWay], now: float) -> Html:
    """The furthest first: with a backlog, hundreds wait for their turn."""
    first = sorted(runs, key=lambda run: -_ORDER.index(run.stage))[:_MOST_UNDER_WAY]
    rows = [
        (run.run, short(_STAGES[run.stage]), short(f"for {words.duration(now - run.began)}"), _progress(run, now))
        for run in first
    ]
    heads = ("Run", "Stage", "For", "Progress")
    return _listed("Runs under way", heads, rows, len(runs)) or tag("p", "Nothing is under way.", class_="dim")


def _progress(run: UnderWay, now: float) -> Html:
    if not run.bytes_total:
        return Html("")
    if not run.bytes_out:
        return joined([words.size(run.bytes_total)])
    speed = run.speed.at(now, run.bytes_out)
    left = run.bytes_total - run.bytes_out
    parts = [f"{words.size(run.bytes_out)} of {words.size(run.bytes_total)}"]
    if left > 0 and speed > 0 and run.share > _TELLING:
        parts += [words.rate(speed), f"{words.duration(left / speed)} left"]
    bar = tag("progress", max=1, value=f"{run.share:.3f}", aria_label=f"{run.share:.0%} of the bytes are out")
    return joined([" · ".join(parts), bar])


def waiting(runs: Sequence[WaitingRun], now: float) -> Html | None:
    rows = [
        (
            run.run,
            tag("p", run.waits_because or ""),
            short(words.of(run.attempts, "attempt", "attempts")),
            short(_until(run.due_at, now)),
        )
        for run in runs[:_MOST]
    ]
    return _listed("Runs waiting for another try", ("Run", "Why", "So far", "Next try"), rows, len(runs))


def failed(runs: Sequence[FailedRun], now: float) -> Html | None:
    rows = [(run.folder, short(_since(run.failed_at, now)), _why(run), _what_to_do(run)) for run in runs[:_MOST]]
    return _listed("Failed runs", ("Run", "When", "Why", "To do"), rows, len(runs))


def _why(run: FailedRun) -> Html:
    meaning = MEANINGS[Code(run.code)] if run.code in tuple(Code) else "a code of another version"
    return joined([tag("p", run.reason), tag("p", f"{run.code}: {meaning}", class_="dim")])


def _what_to_do(run: FailedRun) -> Html:
    name = shlex.quote(run.folder)
    return joined(
        [
            tag("p", "Look: ", tag("code", f"huracan-spool failed show {name}")),
            tag("p", "When mended: ", tag("code", f"sudo huracan-spool failed retry {name}")),
            tag("p", "Or drop it: ", tag("code", f"sudo huracan-spool failed discard {name}")),
        ]
    )


def recent(runs: Sequence[Recent], now: float) -> Html:
    rows = [
        (
            run.run,
            _result(run),
            _artifacts(run),
            short(f"{words.size(run.bytes_sent)} sent"),
            short(_since(run.settled_at, now)),
        )
        for run in runs
    ]
    heads = ("Run", "Result", "Artifacts", "Bytes", "When")
    settled = _listed("The runs settled last", heads, rows, len(runs))
    return settled or tag("p", "No run was settled yet.", class_="dim")


def _artifacts(run: Recent) -> str:
    return "all five" if len(run.results) == len(RESULT_KEYS) else ", ".join(run.results)


def _result(run: Recent) -> Html:
    if run.code is not None:
        return tag("span", f"failed: {run.code}", class_="bad")
    more = ", superseded" if run.superseded else ""
    tries = f", attempt {run.attempts}" if run.attempts > 1 else ""
    return tag("span", f"{run.status}{more}{tries}", class_="good")


def _listed(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], count: int) -> Html | None:
    if not rows:
        return None
    more = tag("p", f"and {words.number(count - len(rows))} more", class_="dim") if count > len(rows) else ""
    return joined([table(caption, heads, rows), more])


def _since(moment: str, now: float) -> str:
    seconds = _seconds(moment)
    return words.ago(now - seconds) if seconds is not None else moment


def _until(moment: str | None, now: float) -> str:
    seconds = _seconds(moment or "")
    return f"in {words.duration(max(0.0, seconds - now))}" if seconds is not None else "-"


def _seconds(moment: str) -> float | None:
    try:
        return parse_trained_at(moment).timestamp()
    except ValueError:
        return None
