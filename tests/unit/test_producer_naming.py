"""How runs and their files are called in the spool."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from pathlib import Path

import pytest

from huracan_spool.manifest import Kind, name_problem
from huracan_spool.producer.naming import candidates, file_names, run_name, suffix_of, time_text
from huracan_spool.spool.protocol import is_run_name

RUN = "SOL_USDT_20251112_164920"


def test_a_run_is_called_as_the_pipeline_does() -> None:
    assert run_name("SOL/USDT", "2025-11-12T16:49:20Z") == RUN


def test_the_longest_symbol_gives_a_valid_name() -> None:
    longest = "-".join("A" * 64)
    assert all(is_run_name(name) for name in candidates(run_name(longest, "2025-11-12T16:49:20Z")))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (datetime(2025, 11, 12, 16, 49, 20, 999, tzinfo=UTC), "2025-11-12T16:49:20Z"),
        (datetime(2025, 11, 12, 16, 49, 20), "2025-11-12T16:49:20Z"),  # noqa: DTZ001 - no zone is UTC
        (datetime(2025, 11, 12, 18, 49, 20, tzinfo=timezone(timedelta(hours=2))), "2025-11-12T16:49:20Z"),
        ("2025-11-12T18:49:20.5+02:00", "2025-11-12T16:49:20Z"),
    ],
)
def test_times_are_told_in_utc(given: datetime | str, text: str) -> None:
    assert time_text(given) == text


@pytest.mark.parametrize("wrong", ["yesterday", "2025-11-12", 1762966160])
def test_what_is_no_time_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="2025-11-12T16:49:20Z"):
        time_text(wrong)


def test_runs_of_one_second_are_numbered() -> None:
    assert list(islice(candidates(RUN), 3)) == [RUN, f"{RUN}-2", f"{RUN}-3"]


def test_files_get_the_name_of_their_run_and_keep_their_suffix() -> None:
    files = {Kind.MODEL: Path("/out/best.safetensors"), Kind.TRADES: Path("/out/t.CSV")}
    assert file_names(RUN, files) == {Kind.MODEL: f"{RUN}_model.safetensors", Kind.TRADES: f"{RUN}_trades.CSV"}


def test_a_file_that_is_named_after_its_run_keeps_its_name() -> None:
    files = {Kind.MODEL: Path(f"/tmp/rl_agent_{RUN}.pt"), Kind.METRICS: Path(f"/tmp/{RUN}_metrics.json")}
    assert file_names(RUN, files) == {Kind.MODEL: f"rl_agent_{RUN}.pt", Kind.METRICS: f"{RUN}_metrics.json"}
    assert file_names(f"{RUN}-2", files)[Kind.MODEL] == f"{RUN}-2_model.pt"


def test_files_of_the_same_name_do_not_collide() -> None:
    files = {Kind.METRICS: Path(f"/a/{RUN}.json"), Kind.FEATURES: Path(f"/b/{RUN}.json")}
    assert file_names(RUN, files) == {Kind.METRICS: f"{RUN}_metrics.json", Kind.FEATURES: f"{RUN}_features.json"}


@pytest.mark.parametrize("name", ["m", "m.", "m.a b", "m.\n", f"{RUN}.manifest.json", f"{RUN}_ü.pt", ".pt"])
def test_a_strange_file_name_does_not_reach_the_spool(name: str) -> None:
    (given,) = file_names(RUN, {Kind.MODEL: Path("/out") / name}).values()
    assert given in {f"{RUN}_model.pt", f"{RUN}_model.json"}
    assert name_problem(given) is None


def test_every_kind_has_a_suffix_of_its_own() -> None:
    assert [suffix_of(kind) for kind in Kind] == [".pt", ".json", ".json", ".parquet", ".csv"]
