"""`failed`: what to do about runs that can't be uploaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from huracan_spool.cli import stop
from huracan_spool.cli.common import config_option, json_option, load_settings
from huracan_spool.codes import MEANINGS, Code
from huracan_spool.spool.failed import FailedRun, discard, failed_runs, retry


@click.group()
def failed() -> None:
    """Look at failed runs, try them again, or drop them.

    A failed run lies complete in `failed/<run>` below the spool, with a reason.json. Nothing is ever deleted
    there but by `discard`. `retry` and `discard` need the daemon's user or root.
    """


@failed.command("list")
@config_option
@json_option
def list_(config: Path | None, *, as_json: bool) -> None:
    """List the failed runs, oldest first. Exits with 1 when there are any."""
    runs = _runs(load_settings(config).spool.path)
    if as_json:
        click.echo(json.dumps([asdict(run) for run in runs], indent=2))
    elif runs:
        _table(runs)
    else:
        click.echo("no failed runs")
    raise SystemExit(stop.NOT_SO if runs else 0)


@failed.command()
@click.argument("run")
@config_option
@json_option
def show(run: str, config: Path | None, *, as_json: bool) -> None:
    """Show why RUN failed, what that means, and where its files are."""
    spool = load_settings(config).spool.path
    found = _find(spool, run)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
        return
    click.echo(f"{found.folder}  failed at {found.failed_at}")
    click.echo(f"  code    {found.code}: {_meaning(found.code)}")
    click.echo(f"  reason  {found.reason}")
    click.echo(f"  files   in {spool / 'failed' / found.folder}")
    for name in found.files:
        click.echo(f"          {name!a}"[:200])
    for name, why in found.left_in_spool.items():
        click.echo(f"  left    {name!a} is still in the spool: {why}")
    click.echo(f"then: mend it and `huracan-spool failed retry {found.folder}`, or drop it with `… discard`")


@failed.command("retry")
@click.argument("runs", nargs=-1)
@click.option("--all", "all_", is_flag=True, help="Every failed run.")
@config_option
def retry_(runs: Sequence[str], config: Path | None, *, all_: bool) -> None:
    """Move RUNS back into the spool, where the daemon takes them up as new."""
    _require_choice(runs, all_=all_)
    _each(runs, config, retry, "back in the spool", all_=all_)


@failed.command("discard")
@click.argument("runs", nargs=-1)
@click.option("--all", "all_", is_flag=True, help="Every failed run.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def discard_(runs: Sequence[str], config: Path | None, *, all_: bool, yes: bool) -> None:
    """Delete RUNS and their files for good."""
    _require_choice(runs, all_=all_)
    if not yes:
        click.confirm(f"delete {'all failed runs' if all_ else ', '.join(runs)} for good?", abort=True, err=True)
    _each(runs, config, discard, "deleted", all_=all_)


def _require_choice(runs: Sequence[str], *, all_: bool) -> None:
    if bool(runs) == all_:
        raise click.UsageError("name the runs, or say --all")


def _each(
    runs: Sequence[str], config: Path | None, act: Callable[[Path, FailedRun], None], done: str, *, all_: bool
) -> None:
    spool = load_settings(config).spool.path
    for found in _runs(spool) if all_ else [_find(spool, run) for run in runs]:
        try:
            act(spool, found)
        except PermissionError:
            raise stop.Stop(f"{found.folder}: not permitted; try it as root", stop.NOPERM) from None
        except FileExistsError as error:
            taken = error.filename2 or error.filename
            raise stop.Stop(f"{found.folder}: {taken!a} is in the spool already; nothing was replaced", 1) from None
        except OSError as error:
            raise stop.Stop(f"{found.folder}: {error}", stop.TEMPFAIL) from None
        click.echo(f"{found.folder} {done}")


def _runs(spool: Path) -> list[FailedRun]:
    try:
        return failed_runs(spool)
    except PermissionError:
        raise stop.Stop(
            f"{spool} may not be read: try it as root, or join the group huracan", stop.NOPERM
        ) from None


def _find(spool: Path, name: str) -> FailedRun:
    for run in _runs(spool):
        if run.folder == name:
            return run
    raise stop.Stop(f"there is no failed run {name!a}; `huracan-spool failed list` shows them", stop.NOT_SO)


def _table(runs: Sequence[FailedRun]) -> None:
    width = max(len(run.folder) for run in runs)
    for run in runs:
        click.echo(f"{run.failed_at}  {run.folder:{width}}  {run.code:20}  {run.reason}")


def _meaning(code: str) -> str:
    return MEANINGS[Code(code)] if code in tuple(Code) else "a code of another version"
