"""Models kept on this host: the newest few of each symbol, whole and unchanged or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from huracan_spool.models import is_worth_keeping, keep_model, prune_models
from huracan_spool.spool.files import OpenFile, open_folder, open_regular

DATA = os.urandom(2_500_000)
AT = "20251112_164920"


@pytest.fixture
def source(tmp_path: Path) -> Iterator[OpenFile]:
    (tmp_path / "rl_agent.pt").write_bytes(DATA)
    folder = open_folder(str(tmp_path))
    file = open_regular(folder, "rl_agent.pt")
    yield file
    file.close()
    os.close(folder)


def write_to(tmp_path: Path) -> None:
    """As a producer that has not let go of its file."""
    with (tmp_path / "rl_agent.pt").open("r+b") as file:
        file.write(b"changed")
        os.utime(file.fileno(), ns=(1, 1))  # whatever the clock's grain


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "state" / "models"


def kept(models: Path, *names: str) -> Path:
    folder = models / "SOL-USDT"
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"model")
    return folder


def names_in(models: Path) -> list[str]:
    return sorted(os.listdir(models / "SOL-USDT"))


def test_a_model_is_kept_under_its_time_and_name(models, source):
    path = keep_model(models, "SOL-USDT", AT, source)

    assert path == models / "SOL-USDT" / f"{AT}_rl_agent.pt"
    assert path.read_bytes() == DATA
    assert names_in(models) == [path.name]


def test_keeping_it_again_after_a_crash_changes_nothing(models, source):
    first = keep_model(models, "SOL-USDT", AT, source)
    second = keep_model(models, "SOL-USDT", AT, source)

    assert first == second
    assert names_in(models) == [f"{AT}_rl_agent.pt"]


def test_bytes_that_changed_after_their_upload_are_not_kept(models, source, tmp_path):
    write_to(tmp_path)

    assert keep_model(models, "SOL-USDT", AT, source) is None
    assert names_in(models) == []


def test_a_copy_that_changed_does_not_cost_the_one_that_is_there(models, source, tmp_path):
    keep_model(models, "SOL-USDT", AT, source)
    write_to(tmp_path)

    keep_model(models, "SOL-USDT", AT, source)

    assert (models / "SOL-USDT" / f"{AT}_rl_agent.pt").read_bytes() == DATA


@pytest.mark.parametrize(
    "name", ["a" * 252 + ".pt", "ä" * 126 + ".pt", "🚀" * 63 + ".pt"], ids=["one", "two", "four"]
)
def test_a_long_name_keeps_its_end(models, source, name):
    path = keep_model(models, "SOL-USDT", AT, replace(source, name=name))

    assert path is not None
    assert len(os.fsencode(path.name)) <= 255
    assert path.name.startswith(f"{AT}_")
    assert name.endswith(path.name[len(AT) + 1 :])
    assert path.name.endswith(".pt")


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        (0, []),
        (1, ["20251112_164920_a.pt"]),
        (2, ["20240101_000000_z.pt", "20251112_164920_a.pt"]),
        (3, ["08500101_000000_b.pt", "20240101_000000_z.pt", "20251112_164920_a.pt"]),
        (9, ["08500101_000000_b.pt", "20240101_000000_z.pt", "20251112_164920_a.pt"]),
    ],
)
def test_the_newest_by_training_time_stay(models, keep, left):
    kept(models, "20251112_164920_a.pt", "08500101_000000_b.pt", "20240101_000000_z.pt")

    prune_models(models, "SOL-USDT", keep)

    assert names_in(models) == left


def test_what_others_put_there_is_left_alone(models):
    kept(models, "20251112_164920_a.pt", "notes.txt", ".0123456789abcdef.tmp", "20251112_164920_")

    prune_models(models, "SOL-USDT", 0)

    assert names_in(models) == [".0123456789abcdef.tmp", "20251112_164920_", "notes.txt"]


def test_a_symbol_without_models_has_nothing_to_prune(models):
    prune_models(models, "SOL-USDT", 3)

    assert not models.exists()


@pytest.mark.parametrize(
    ("timestamp", "keep", "worth"),
    [
        ("20251112_164921", 1, True),
        ("20251112_164920", 1, True),
        ("20240102_000000", 1, False),
        ("20240102_000000", 2, True),
        ("20230101_000000", 2, False),
        ("20230101_000000", 3, True),
        ("20991231_000000", 0, False),
    ],
)
def test_an_older_model_is_not_copied_to_be_pruned_at_once(models, timestamp, keep, worth):
    kept(models, "20251112_164920_a.pt", "20240101_000000_z.pt", "20240601_000000_y.pt")
    (models / "SOL-USDT" / "20240601_000000_y.pt").unlink()

    assert is_worth_keeping(models, "SOL-USDT", timestamp, keep) is worth


@pytest.mark.parametrize("keep", [0, 1])
def test_a_first_model_is_worth_keeping_if_any_are_kept(models, keep):
    assert is_worth_keeping(models, "SOL-USDT", AT, keep) is (keep > 0)


def test_a_model_is_kept_on_another_file_system_too(source):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        path = keep_model(Path(elsewhere) / "models", "SOL-USDT", AT, source)

        assert path is not None
        assert path.read_bytes() == DATA
