"""`run`: the daemon."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from huracan_spool.cli import stop
from huracan_spool.cli.common import config_option, load_settings


@click.command()
@config_option
def run(config: Path | None) -> None:
    """Watch the spool and upload what is published there, until SIGTERM or SIGINT.

    Logs go to stdout, one line an event. SIGHUP reloads the configuration (a bad one is refused and the old one
    kept), SIGUSR1 looks at the spool at once and lets every waiting run be due, a second SIGTERM leaves at once.

    Exits with 0 after a stop, 75 when another daemon has the spool or the spool was replaced, 77 when the spool
    or the configuration can't be trusted, 78 when the configuration is wrong, 70 for a defect.
    """
    settings = load_settings(config, secrets_needed=True)
    import structlog  # noqa: PLC0415 - with what follows it costs 0.4 s that no other command should pay

    from huracan_spool.stores.dropbox.sdk_types import load_types_only  # noqa: PLC0415

    load_types_only()
    from huracan_spool import daemon  # noqa: PLC0415
    from huracan_spool.service import SpoolReplaced  # noqa: PLC0415
    from huracan_spool.settings import load  # noqa: PLC0415
    from huracan_spool.spool.directory import SpoolBusy, UnsafeSpool  # noqa: PLC0415

    daemon.begin_logging(settings)
    try:
        daemon.serve(lambda: load(config, os.environ, secrets_needed=True), settings)
    except (SpoolBusy, SpoolReplaced) as error:
        structlog.get_logger().error("daemon_ended", reason=str(error), action="start it again later")
        raise stop.Stop(str(error), stop.TEMPFAIL) from None
    except UnsafeSpool as error:
        structlog.get_logger().error("spool_refused", reason=str(error))
        raise stop.Stop(str(error), stop.NOPERM) from None
    except PermissionError as error:
        structlog.get_logger().error("not_permitted", reason=str(error))
        raise stop.Stop(str(error), stop.NOPERM) from None
    except OSError as error:
        structlog.get_logger().error("host_trouble", reason=str(error), action="start it again later")
        raise stop.Stop(str(error), stop.TEMPFAIL) from None
    except Exception:  # noqa: BLE001 - the daemon's top level
        structlog.get_logger().exception("internal_error")
        sys.exit(stop.SOFTWARE)
