"""Which process writes, and where: decided by the environment alone."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from huracan_spool.producer.environment import spool_path, why_not_here

GLOBAL_RANKS = ("RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID")


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*GLOBAL_RANKS, "LOCAL_RANK", "HURACAN_SPOOL_DISABLED", "HURACAN_SPOOL__PATH"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_hint_this_process_writes_to_the_default_spool() -> None:
    assert why_not_here() is None
    assert spool_path() == Path("/tmp/huracan-spool")


def test_a_relative_spool_means_the_same_after_a_change_of_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HURACAN_SPOOL__PATH", "spool")
    assert spool_path() == tmp_path / "spool"


@pytest.mark.parametrize("word", ["1", "true", "YES", "on", " 1 "])
def test_it_can_be_turned_off(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("HURACAN_SPOOL_DISABLED", word)
    assert why_not_here() == "turned off by HURACAN_SPOOL_DISABLED"


@pytest.mark.parametrize("word", ["", "0", "false", "No", "off"])
def test_a_no_does_not_turn_it_off(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("HURACAN_SPOOL_DISABLED", word)
    assert why_not_here() is None


@pytest.mark.parametrize("name", GLOBAL_RANKS)
def test_only_rank_0_writes(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "0")
    assert why_not_here() is None
    monkeypatch.setenv(name, "3")
    assert why_not_here() == "rank 3 of a distributed job; rank 0 writes"


def test_a_local_rank_alone_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert why_not_here() is None


def test_torchrun_knows_better_than_the_scheduler_that_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "5")
    monkeypatch.setenv("RANK", "0")
    assert why_not_here() is None


def test_a_rank_that_is_no_number_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "first")
    assert why_not_here() is None


def test_a_process_group_that_is_up_knows_best(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = ModuleType("torch.distributed")
    distributed.is_available = lambda: True
    distributed.is_initialized = lambda: True
    distributed.get_rank = lambda: 2
    monkeypatch.setitem(sys.modules, "torch.distributed", distributed)
    monkeypatch.setenv("RANK", "0")
    assert why_not_here() == "rank 2 of a distributed job; rank 0 writes"
