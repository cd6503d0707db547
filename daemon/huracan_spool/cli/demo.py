"""`demo`: the whole way of a few runs, on this machine alone."""

from __future__ import annotations

import click

from huracan_spool.cli import stop


@click.command()
def demo() -> None:
    """Show the daemon at work: a few generated runs, through a real spool, to an emulated Dropbox.

    Starts the emulator (HTTPS on loopback) and the daemon, publishes runs as training would, follows the
    daemon's log on stderr, and prints the tree that results. Needs no account, no root and no configuration,
    and leaves nothing behind. Exits with 0 when every file arrived byte for byte.
    """
    import asyncio  # noqa: PLC0415 - all of this takes a second that no other command should pay

    from huracan_spool.demo import DemoFailed, run_demo  # noqa: PLC0415

    try:
        asyncio.run(run_demo(say=lambda line: click.echo(line, err=True), show=click.echo))
    except DemoFailed as error:
        raise stop.Stop(str(error), stop.SOFTWARE) from None
