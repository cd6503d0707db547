"""Manual pages and shell completion know every command and every option."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import click

from huracan_spool.cli.main import cli
from support.site import Site, finished


def commands(command: click.Command, ctx: click.Context) -> Iterator[click.Context]:
    yield ctx
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            assert below is not None
            yield from commands(below, click.Context(below, parent=ctx, info_name=name))


def everything() -> list[click.Context]:
    return list(commands(cli, click.Context(cli, info_name="huracan-spool")))


async def test_each_command_has_a_page_with_each_of_its_options(site: Site) -> None:
    folder = site.home / "man1"
    done = await site.command("man", str(folder))

    assert done.code == 0, done.err
    wanted = {f"{ctx.command_path.replace(' ', '-')}.1": ctx for ctx in everything()}
    assert {path.name for path in folder.iterdir()} == wanted.keys()
    for name, ctx in wanted.items():
        text = (folder / name).read_text().replace("\\-", "-")
        options = [each for each in ctx.command.params if isinstance(each, click.Option) and not each.hidden]
        assert [each.opts[0] for each in options if each.opts[0] not in text] == []


async def test_the_pages_are_good_troff(site: Site) -> None:
    folder = site.home / "man1"
    await site.command("man", str(folder))
    for path in folder.iterdir():
        shown = await finished(("man", "--warnings", "-l", str(path)), os.environ | {"MANPAGER": "cat"})
        assert (shown.code, shown.err) == (0, ""), path.name
        assert re.search(r"^NAME", shown.out, re.MULTILINE)


async def test_the_shell_completes_every_command() -> None:
    environ = dict(os.environ) | {"_HURACAN_SPOOL_COMPLETE": "bash_complete"}
    for ctx in everything():
        if not isinstance(ctx.command, click.Group):
            continue
        words = ctx.command_path.split()
        asked = environ | {"COMP_WORDS": f"{ctx.command_path} ", "COMP_CWORD": str(len(words))}
        done = await finished((str(Path(os.sys.executable).with_name("huracan-spool")),), asked)
        assert {line.partition(",")[2] for line in done.out.split()} == set(ctx.command.list_commands(ctx))
