"""What the process's environment says about this library: where the spool is, and whether to write at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from huracan_spool.spool.protocol import DEFAULT_PATH

# The first that is set counts. RANK is torchrun's and beats the others: tasks that `srun` starts for different
# symbols are not ranks of one job, and `RANK=0` in their environment says so. LOCAL_RANK alone says nothing:
# every host has a local rank 0.
_RANKS = ("RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID")
_NO = frozenset({"", "0", "false", "no", "off"})


def spool_path() -> Path:
    return Path(os.path.abspath(os.environ.get("HURACAN_SPOOL__PATH") or DEFAULT_PATH))


def why_not_here() -> str | None:
    """Why this process is not the one that writes; None when it is."""
    if os.environ.get("HURACAN_SPOOL_DISABLED", "").strip().lower() not in _NO:
        return "turned off by HURACAN_SPOOL_DISABLED"
    rank = _rank()
    return f"rank {rank} of a distributed job; rank 0 writes" if rank else None


def _rank() -> int:
    """The rank in the whole job, not on this host; 0 when there is no such job."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank())
    text = next((os.environ[name] for name in _RANKS if os.environ.get(name)), "0")
    return int(text) if text.isascii() and text.isdigit() else 0
