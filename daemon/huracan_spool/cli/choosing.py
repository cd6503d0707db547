"""Options by which commands choose runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, TypeVar

import click

from huracan_spool.manifest import Symbol, parse_symbol

F = TypeVar("F", bound=Callable[..., Any])


def _symbol(_: click.Context, __: click.Parameter, value: str | None) -> Symbol | None:
    try:
        return parse_symbol(value) if value is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _date(_: click.Context, __: click.Parameter, value: str | None) -> date | None:
    try:
        return date.fromisoformat(value) if value is not None else None
    except ValueError:
        raise click.BadParameter("expected a date such as 2025-11-12") from None


symbol_option = click.option(
    "--symbol", callback=_symbol, metavar="S", help="Only runs of this symbol, such as SOL/USDT."
)


def date_option(name: str, says: str) -> Callable[[F], F]:
    return click.option(name, callback=_date, metavar="DATE", help=says)
