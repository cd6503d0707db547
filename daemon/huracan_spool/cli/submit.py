"""`submit`: a run from the shell."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from huracan_spool.cli import stop
from huracan_spool.cli.common import config_option, json_option, load_settings
from huracan_spool.cli.watch import watch_until_settled
from huracan_spool.errors import Rejected
from huracan_spool.manifest import Kind, parse_symbol, parse_trained_at
from huracan_spool.producer.handover import publish
from huracan_spool.producer.naming import run_name as usual_name
from huracan_spool.producer.submission import Submission
from huracan_spool.producer.telling import explain
from huracan_spool.spool.protocol import is_run_name, manifest_name


def _symbol(_: click.Context, __: click.Parameter, value: str) -> str:
    try:
        return parse_symbol(value).text
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _time(_: click.Context, __: click.Parameter, value: str | None) -> str:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        parse_trained_at(value or now)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value or now


def _metadata(_: click.Context, __: click.Parameter, value: str) -> dict[str, Any]:
    try:
        metadata = json.loads(value)
    except ValueError as error:
        raise click.BadParameter(f"not valid JSON: {error}") from None
    if not isinstance(metadata, dict):
        raise click.BadParameter("expected a JSON object")
    return metadata


_file = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


@click.command()
@click.argument("symbol", callback=_symbol)
@click.option("--trained-at", callback=_time, metavar="TIME", help="RFC 3339, such as 2025-11-12T16:49:20Z [now].")
@click.option("--model", type=_file, help="The model (.pt).")
@click.option("--metrics", type=_file, help="The metrics (JSON).")
@click.option("--features", type=_file, help="The feature metadata (JSON).")
@click.option("--candles", type=_file, help="The candles (Parquet).")
@click.option("--trades", type=_file, help="The trades (CSV).")
@click.option("--metadata", default="{}", callback=_metadata, metavar="JSON", help="An object for the record.")
@click.option("--run", "run_name", metavar="NAME", help="The run's name [SOL_USDT_20251112_164920].")
@click.option("--watch", is_flag=True, help="Wait until the run is uploaded or has failed, and show how far it is.")
@config_option
@json_option
def submit(
    symbol: str,
    trained_at: str,
    metadata: dict[str, Any],
    run_name: str | None,
    config: Path | None,
    *,
    watch: bool,
    as_json: bool,
    **files: Path | None,
) -> None:
    """Put files into the spool and publish them as one run of SYMBOL. The files stay where they are.

    Prints the run's name. The daemon does the rest; `huracan-spool status` shows how far it is. With --watch exits
    with 0 when the run is uploaded and with 1 when it has failed; interrupting that does not stop the upload.
    """
    artifacts = {str(kind): path for kind in Kind if (path := files[kind]) is not None}
    if not artifacts:
        raise click.UsageError("give at least one of --model, --metrics, --features, --candles and --trades")
    settings = load_settings(config)
    spool = settings.spool.path
    run = run_name or usual_name(symbol, trained_at)
    if not is_run_name(run):
        raise click.UsageError(
            f"--run {run}: 1 to 128 letters, digits, dots, - and _, beginning with one of the first two"
        )
    submission = _publish(spool, run, symbol, trained_at, artifacts, metadata)
    click.echo(json.dumps({"run": run, "manifest": str(spool / manifest_name(run))}) if as_json else run)
    if watch:
        watch_until_settled(submission, settings.state_dir)


def _publish(
    spool: Path, run: str, symbol: str, trained_at: str, artifacts: dict[str, Path], metadata: dict[str, Any]
) -> Submission:
    """Ends the command with an exit code that says whether trying again can help."""
    try:
        published = publish(spool, run, symbol, trained_at, artifacts, metadata)
    except FileExistsError as error:
        raise stop.Stop(
            f"{error.filename or run}: the spool has a run or a file of that name; choose --run NAME", stop.TEMPFAIL
        ) from None
    except PermissionError as error:
        raise stop.Stop(explain(error, spool), stop.NOPERM) from None
    except OSError as error:
        text = explain(error, spool)
        raise stop.Stop(f"not submitted: {text}; nothing was left in the spool", stop.TEMPFAIL) from None
    except (Rejected, ValueError) as error:
        raise click.UsageError(f"not submitted: {explain(error, spool)}") from None
    return Submission(
        run=run, spool=spool, kinds=published.files, manifest_sha256=published.manifest_sha256, strict=True
    )
