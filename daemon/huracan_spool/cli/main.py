"""The `huracan-spool` command. Each subcommand's module is loaded when it is used: `--help` stays fast."""

from __future__ import annotations

import importlib
import sys

import click

from huracan_spool import __version__
from huracan_spool.cli.stop import Stop

# name: (module, attribute, the line in --help)
COMMANDS = {
    "run": ("run", "run", "The daemon: watch the spool and upload what is published there."),
    "demo": ("demo", "demo", "Show it all at work, with generated runs and an emulated Dropbox."),
    "submit": ("submit", "submit", "Put a run into the spool."),
    "status": ("status", "status", "What waits, what is paused, what was done, what failed."),
    "history": ("history", "history", "What was settled on this host, newest first."),
    "failed": ("failed", "failed", "Look at failed runs, try them again, or drop them."),
    "runs": ("runs", "runs", "List the runs of the archive with their metrics."),
    "latest": ("latest", "latest", "Print where the newest run of a symbol is, or fetch it."),
    "pull": ("pull", "pull", "Fetch runs from the archive, proven."),
    "verify": ("verify", "verify", "Compare what is in the archive with what should be."),
    "cache": ("cache", "cache", "See what has been fetched, and make room."),
    "compare": ("compare", "compare", "Put the metrics of several runs side by side."),
    "report": ("report", "report", "Write a report on a symbol's runs, with charts."),
    "auth": ("auth", "auth", "Log in to Dropbox, and see how the log-in stands."),
    "push": ("push", "push", "Send the local archive to Dropbox."),
    "check-config": ("check_config", "check_config", "Print the settings in use, or what is wrong with them."),
    "doctor": ("doctor", "doctor", "Look for everything that can be wrong on this host."),
    "inspect": ("inspect", "inspect_files", "Look at files as the daemon would."),
    "install": ("install", "install", "Set up the service on this host, or upgrade it."),
    "uninstall": ("install", "uninstall", "Remove the service; data stays."),
    "schema": ("schema", "schema", "Print the JSON Schema of the manifest."),
    "emulator": ("emulator", "emulator", "Run the Dropbox emulator by itself."),
    "man": ("man", "man", "Write the manual pages."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"huracan_spool.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="huracan-spool")
def cli() -> None:
    """Moves finished training runs from the spool to Dropbox: whole, in order, proven.

    Exit codes: 0; 1 what was asked about is not so; 64 usage; 69 store unreachable; 70 defect; 75 try again
    later; 77 not permitted; 78 configuration.
    """


def main() -> None:
    try:
        cli.main(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(64)
    except Stop as error:
        error.show()
        sys.exit(error.code)
    except click.Abort:
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output, `head` for instance, has had enough
        sys.stderr.close()
        sys.exit(0)
