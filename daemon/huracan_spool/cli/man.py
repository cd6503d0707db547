"""`man`: the manual pages, made from the commands themselves, so that nothing in them can be out of date."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from huracan_spool import __version__

_SEE = "The README has the configuration, the log's events and what to do about them."


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.pass_context
def man(ctx: click.Context, directory: Path) -> None:
    """Write the manual pages (section 1) into DIRECTORY: one for each command.

    For a whole host: huracan-spool man /usr/local/share/man/man1
    """
    root = click.Context(ctx.find_root().command, info_name="huracan-spool")  # however it was called
    directory.mkdir(parents=True, exist_ok=True)
    for page in pages(root.command, root):
        (directory / f"{page.name}.1").write_text(page.text)
        click.echo(directory / f"{page.name}.1")


class Page:
    """`name` has dashes: huracan-spool-failed-show."""

    def __init__(self, ctx: click.Context) -> None:
        self.name = ctx.command_path.replace(" ", "-")
        self.text = "\n".join(_lines(ctx, self.name)) + "\n"


def pages(command: click.Command, ctx: click.Context) -> Iterator[Page]:
    """The command's own page and those of all commands below it."""
    yield Page(ctx)
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            if below is not None and not below.hidden:
                yield from pages(below, click.Context(below, parent=ctx, info_name=name))


def _lines(ctx: click.Context, name: str) -> Iterator[str]:
    command = ctx.command
    yield f'.TH {_text(name.upper())} 1 "" "huracan-spool {__version__}"'
    yield from (".SH NAME", f"{_text(name)} \\- {_text(command.get_short_help_str(200))}")
    usage = " ".join(command.collect_usage_pieces(ctx))
    yield from (".SH SYNOPSIS", f".B {_text(ctx.command_path)}", _text(usage))
    yield ".SH DESCRIPTION"
    for paragraph in (command.help or "").split("\n\n"):
        yield from (".PP", *(_text(line.strip()) for line in paragraph.splitlines()))
    options = [found for each in command.get_params(ctx) if (found := each.get_help_record(ctx)) is not None]
    if options:
        yield ".SH OPTIONS"
        for names, says in options:
            yield from (".TP", f".B {_text(names)}", _text(says))
    if isinstance(command, click.Group):
        yield ".SH COMMANDS"
        for below in command.list_commands(ctx):
            yield from (".TP", f".BR {_text(f'{name}-{below}')} (1)", "")
    yield from (".SH SEE ALSO", _SEE)


def _text(text: str) -> str:
    """Plain text for troff: a line that begins with a dot or a quote would be a request."""
    escaped = text.replace("\\", "\\\\").replace("-", "\\-").replace("\b", "")
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped
