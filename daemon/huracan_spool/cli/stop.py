"""How a command ends when it can't do what was asked: a message, and an exit code of sysexits.h."""

from __future__ import annotations

import click

NOT_SO = 1
UNAVAILABLE = 69
SOFTWARE = 70
TEMPFAIL = 75
NOPERM = 77
CONFIG = 78


class Stop(click.ClickException):
    """Ends a command with a message on stderr and an exit code of sysexits.h."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
