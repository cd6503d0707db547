"""Killing a process at a chosen system call: strace sends SIGKILL as the call is about to be made."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

# The traced process stays our own child, which a kill reaches.
_STRACE = ("strace", "-D", "-f", "-qq", "-o", "/dev/null")


def killing(call: str, number: int) -> tuple[str, ...]:
    """A wrapper command: the process dies as any of its threads makes its `number`-th such `call`.

    Without `--seccomp-bpf`, which would be faster: strace 6.1 then never gets to a second call.
    """
    return (*_STRACE, "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}")


def failing(call: str, error: str, when: str = "1+") -> tuple[str, ...]:
    """A wrapper command: every such `call` fails, or those of each thread that `when` counts, as `1..3`."""
    return (*_STRACE, "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}")


def delaying(call: str, seconds: float) -> tuple[str, ...]:
    """A wrapper command: every such `call` takes so much longer."""
    return (*_STRACE, "-e", f"trace={call}", "-e", f"inject={call}:delay_enter={round(seconds * 1e6)}")


def python(program: Path, *arguments: str) -> Sequence[str]:
    return (sys.executable, str(program), *arguments)
