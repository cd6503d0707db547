"""Python code in a process of its own: as another user, under another umask, below a wrapper such as strace."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# Everything is loaded before the user changes: a user without rights may not read the interpreter's library.
PRELUDE = """
import json, logging, os, sys, tempfile, shutil, csv, huracan_spool
from huracan_spool import RunWriter, Submission, export_coin_results
from huracan_spool.producer import draft
from huracan_spool import receipt
"""
DROP = "os.setgroups({groups}); os.setresgid({gid}, {gid}, {gid}); os.setresuid({uid}, {uid}, {uid})\n"


def run_code(
    code: str,
    spool: Path,
    *,
    uid: int | None = None,
    groups: Sequence[int] = (),
    umask: int = 0o022,
    wrapper: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """`uid` is the user's group as well. No bytecode is written: it would add system calls."""
    drop = "" if uid is None else DROP.format(groups=list(groups), gid=uid, uid=uid)
    environ = os.environ | {"HURACAN_SPOOL__PATH": str(spool), "PYTHONDONTWRITEBYTECODE": "1"}
    command = (*wrapper, sys.executable, "-c", f"{PRELUDE}{drop}os.umask({umask})\n{code}")
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
