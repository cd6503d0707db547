"""`push`: what the local archive holds goes to Dropbox."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from huracan_spool.cli import stop
from huracan_spool.cli.common import config_option, json_option, load_settings, log_to_stderr
from huracan_spool.cli.reading import since_option, symbol_folder, until_option
from huracan_spool.settings import Settings

if TYPE_CHECKING:
    from huracan_spool.pushing.archive import Wanted
    from huracan_spool.pushing.report import Ended, Problem, Report

INTERRUPTED = 130
_GOES_ON = "nothing is lost: huracan-spool push goes on from here"
_SHOWN = 50  # of a list; --json has all


@click.command()
@click.option("--symbol", type=symbol_folder, help="Only runs of this symbol, such as SOL/USDT.")
@since_option
@until_option
@click.option("--dry-run", is_flag=True, help="Send nothing; check all that would be sent.")
@config_option
@json_option
def push(
    symbol: str | None,
    since: date | None,
    until: date | None,
    config: Path | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send the runs of the local archive to Dropbox. Nothing in the archive is changed.

    Every run goes that is whole and has the content hashes that its record says, superseded ones too, to where a
    daemon would have put it. What is in the account is not sent again, so it can be interrupted and repeated at any
    time, and a daemon may be at work beside it. Run it as the daemon's user.

    Exits with 1 when runs are broken or refused, 69 when Dropbox can't be reached for minutes, 75 when it can go on
    later (another push is under way, the account is full, SIGTERM), 77 when Dropbox refuses the log-in or this is
    not the daemon's user, 78 without a log-in, 130 after Ctrl-C.
    """
    settings = load_settings(config, secrets_needed=True)
    if not settings.uses_dropbox:
        raise stop.Stop("not logged in: huracan-spool auth login", stop.CONFIG)
    _check_user(settings.state_dir)
    log_to_stderr(settings)
    from huracan_spool.pushing.archive import Wanted  # noqa: PLC0415 - with what follows it takes long to load
    from huracan_spool.pushing.report import Report  # noqa: PLC0415

    report = Report(dry_run=dry_run)
    code, report.ended_because = _attempt(settings, Wanted(symbol, since, until), report)
    _show(report, settings.archive.path, as_json=as_json)
    if report.ended_because:
        raise stop.Stop(report.ended_because, code)
    raise SystemExit(code)


def _attempt(settings: Settings, wanted: Wanted, report: Report) -> tuple[int, str | None]:
    """The exit code; and why it ended before everything was looked at, if it did."""
    import structlog  # noqa: PLC0415 - with what follows it takes long to load

    from huracan_spool.pushing.report import Ended  # noqa: PLC0415
    from huracan_spool.spool.directory import SpoolBusy  # noqa: PLC0415
    from huracan_spool.stores.dropbox.sdk_types import load_types_only  # noqa: PLC0415

    load_types_only()
    try:
        asyncio.run(_push(settings, wanted, report))
    except _Signalled as signalled:
        return signalled.code, f"stopped by {signalled.name}; {_GOES_ON}"
    except Ended as ended:
        return _code_of(ended), "\n".join(filter(None, (str(ended), ended.hint, _GOES_ON)))
    except SpoolBusy as error:
        return stop.TEMPFAIL, f"another push is under way: {error}"
    except PermissionError as error:
        return stop.NOPERM, f"{error.filename}: not permitted; run it as the daemon's user"
    except OSError as error:
        return stop.TEMPFAIL, f"{error}; {_GOES_ON}"
    except Exception:  # noqa: BLE001 - the command's top level
        structlog.get_logger().exception("internal_error")
        return stop.SOFTWARE, f"a defect: please report it with the line above; {_GOES_ON}"
    return _code(report), None


def _check_user(state_dir: Path) -> None:
    """What root makes there the daemon's user could not use, and the next push is likely to be his."""
    if os.geteuid() != 0 or not state_dir.exists() or (owner := state_dir.stat().st_uid) == 0:
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"'#{owner}'"
    raise stop.Stop(f"{state_dir} is not root's: sudo -u {name} huracan-spool push", stop.NOPERM)


def _code(report: Report) -> int:
    if report.all_went:
        return 0
    return stop.TEMPFAIL if report.later_may_do else stop.NOT_SO


def _code_of(ended: Ended) -> int:
    from huracan_spool.pushing.report import End  # noqa: PLC0415 - with its caller

    codes = {End.UNREACHABLE: stop.UNAVAILABLE, End.NOT_PERMITTED: stop.NOPERM, End.LATER: stop.TEMPFAIL}
    return codes[ended.end]


class _Signalled(Exception):
    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.name = number.name
        self.code = INTERRUPTED if number is signal.SIGINT else stop.TEMPFAIL


async def _push(settings: Settings, wanted: Wanted, report: Report) -> None:
    """Raises `_Signalled`, what `wiring.for_pushing` raises, and what `Push.run` does."""
    from huracan_spool.activity import Activity  # noqa: PLC0415 - with its caller
    from huracan_spool.cli.progress import Shown  # noqa: PLC0415
    from huracan_spool.pushing.push import Push  # noqa: PLC0415
    from huracan_spool.threads import alongside  # noqa: PLC0415
    from huracan_spool.wiring import for_pushing  # noqa: PLC0415

    activity = Activity()
    with _signals_end_it():
        async with for_pushing(settings, activity) as tools:
            pushing = Push(tools, settings.archive.path / settings.dropbox.app_folder, wanted, report)
            async with alongside(Shown(pushing, report, activity).keep_up()):
                await pushing.run()


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """Cancelled, the work lets go of what it has in hand; a second signal does not wait for that."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    received: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        if received:
            os._exit(_Signalled(number).code)  # a kill at any instant is safe
        received.append(number)
        if task is not None:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)
    try:
        yield
    except asyncio.CancelledError:
        if not received:
            raise
        raise _Signalled(received[0]) from None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _show(report: Report, archive: Path, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report.to_json(), indent=2))
        return
    from huracan_spool.words import of, size  # noqa: PLC0415 - with its caller

    title = "would go" if report.dry_run else "pushed"
    sent = size(sum(run.size for run in report.pushed))
    click.echo(f"{title:10}{of(len(report.pushed), 'run', 'runs')}, {sent}")
    click.echo(f"{'there':10}{of(report.already_there, 'run', 'runs')} already")
    _list("broken", report.broken)
    _list("failed", report.failed)
    if not report.ended_because and not (report.pushed or report.already_there or report.broken or report.failed):
        click.echo(f"no such runs in {archive}", err=True)


def _list(title: str, problems: Sequence[Problem]) -> None:
    click.echo(f"{title:10}{len(problems)}")
    for problem in problems[:_SHOWN]:
        click.echo(f"          {problem.day}  {problem.run}: {problem.reason}")
    if len(problems) > _SHOWN:
        click.echo(f"          … and {len(problems) - _SHOWN} more: --json")
