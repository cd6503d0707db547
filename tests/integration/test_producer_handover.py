"""Handing files over in real directories: which way they go, what becomes of the originals, what is refused."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from producer_child import run_code

from huracan_spool import RunWriter, export_coin_results
from huracan_spool.producer.staging import Staging
from huracan_spool.producer.submission import NotHandedOver
from support.strace import failing

RUN = "SOL_USDT_20251112_164920"
AT = "2025-11-12T16:49:20Z"
NOBODY = 65534
PRODUCERS = 54321  # a group that no file here belongs to by itself
MODEL = b"weights" * 1000

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    folder.chmod(0o3770)
    monkeypatch.setenv("HURACAN_SPOOL__PATH", str(folder))
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where training writes: a model and metrics lie there."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "model.pt").write_bytes(MODEL)
    (folder / "metrics.json").write_text('{"win_rate": 0.5}')
    return folder


@pytest.fixture
def other_file_system() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def open_home() -> Iterator[Path]:
    """A home that any user may enter."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def manifest(spool: Path, run: str = RUN) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((spool / f"{run}.manifest.json").read_bytes())
    return document


def contents(spool: Path, run: str = RUN) -> dict[str, bytes]:
    return {kind: (spool / each["file"]).read_bytes() for kind, each in manifest(spool, run)["artifacts"].items()}


def test_files_are_moved_under_the_runs_name(spool: Path, out: Path) -> None:
    inode = (out / "model.pt").stat().st_ino
    submission = export_coin_results(
        "sol/usdt", AT, model_path=out / "model.pt", metrics_path=str(out / "metrics.json"), metadata={"seed": 7}
    )
    assert (submission.ok, submission.run, submission.status()) == (True, RUN, "pending")
    assert manifest(spool) == {
        "version": 1,
        "symbol": "sol/usdt",
        "trained_at": AT,
        "artifacts": {
            "model": {"file": f"{RUN}_model.pt", "size": 7000, "sha256": hashlib.sha256(MODEL).hexdigest()},
            "metrics": {
                "file": f"{RUN}_metrics.json",
                "size": 17,
                "sha256": hashlib.sha256(b'{"win_rate": 0.5}').hexdigest(),
            },
        },
        "metadata": {"seed": 7},
    }
    assert (spool / f"{RUN}_model.pt").stat().st_ino == inode
    assert (spool / f"{RUN}_model.pt").stat().st_nlink == 1
    assert os.listdir(out) == []
    assert set(os.listdir(spool)) == {f"{RUN}.manifest.json", f"{RUN}_model.pt", f"{RUN}_metrics.json"}


def test_kept_files_stay_and_are_independent_of_the_spools(spool: Path, out: Path) -> None:
    export_coin_results("SOL/USDT", AT, model_path=out / "model.pt", keep=True)
    (out / "model.pt").write_bytes(b"the next epoch")
    assert contents(spool) == {"model": MODEL}


def test_a_kept_file_that_nobody_may_write_is_linked(spool: Path, out: Path) -> None:
    (out / "model.pt").chmod(0o444)
    export_coin_results("SOL/USDT", AT, model_path=out / "model.pt", keep=True)
    (declared,) = manifest(spool)["artifacts"].values()
    assert (spool / declared["file"]).samefile(out / "model.pt")
    assert (out / "model.pt").stat().st_mode & 0o777 == 0o444


def test_a_file_with_a_second_name_is_copied_and_only_the_given_name_removed(spool: Path, out: Path) -> None:
    os.link(out / "model.pt", out / "cache.pt")
    export_coin_results("SOL/USDT", AT, model_path=out / "model.pt")
    (out / "cache.pt").write_bytes(b"written in place")
    assert contents(spool) == {"model": MODEL}
    assert not (out / "model.pt").exists()


def test_a_symlink_is_followed_but_its_target_stays(spool: Path, out: Path) -> None:
    (out / "best.pt").symlink_to("model.pt")
    export_coin_results("SOL/USDT", AT, model_path=out / "best.pt")
    assert contents(spool) == {"model": MODEL}
    assert set(os.listdir(out)) == {"model.pt", "metrics.json"}


def test_from_another_file_system_files_are_copied_then_removed(spool: Path, other_file_system: Path) -> None:
    (other_file_system / "model.pt").write_bytes(MODEL)
    assert export_coin_results("SOL/USDT", AT, model_path=other_file_system / "model.pt").ok
    assert contents(spool) == {"model": MODEL}
    assert os.listdir(other_file_system) == []


def test_a_relative_path_means_where_training_was_then(
    spool: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(out)
    with RunWriter("SOL/USDT", AT) as run:
        run.model("model.pt")
        monkeypatch.chdir(tmp_path)
    assert contents(spool) == {"model": MODEL}


def test_a_path_in_the_spool_is_renamed_into_place(spool: Path) -> None:
    with RunWriter("SOL/USDT", AT) as run:
        path = run.path("model", "safetensors")
        path.write_bytes(MODEL)
        assert path.parent.parent == spool
        assert path.parent.name.startswith(".")
        inode = path.stat().st_ino
    assert (spool / f"{RUN}_model.safetensors").stat().st_ino == inode
    assert set(os.listdir(spool)) == {f"{RUN}.manifest.json", f"{RUN}_model.safetensors"}


def test_a_path_may_be_handed_to_its_own_run(spool: Path) -> None:
    with RunWriter("SOL/USDT", AT) as run:
        path = run.path("model")
        path.write_bytes(MODEL)
        run.model(path)
    assert contents(spool) == {"model": MODEL}


@pytest.mark.parametrize("umask", [0o077, 0o777, 0o000])
def test_files_are_readable_by_the_group_whatever_the_umask(spool: Path, out: Path, umask: int) -> None:
    (out / "metrics.json").chmod(0o600)
    code = f"""
run = RunWriter("SOL/USDT", "{AT}", strict=True)
run.model(b"weights")
run.trades([{{"a": 1}}])
open(run.path("candles"), "w").close()
run.metrics("{out}/metrics.json")
run.publish()
"""
    done = run_code(code, spool, umask=umask)
    assert done.returncode == 0, done.stderr
    modes = {path.name: path.stat().st_mode & 0o777 for path in spool.iterdir()}
    assert len(modes) == 5
    assert all(mode & 0o440 == 0o440 and not mode & 0o022 for name, mode in modes.items() if umask), modes


@as_root
def test_files_get_the_spools_group(open_home: Path) -> None:
    """A renamed file keeps the group of the folder it was made in; the daemon could not read it."""
    spool, out = _spool_of_producers(open_home)
    done = run_code(_export(out), spool, uid=NOBODY, groups=[PRODUCERS], umask=0o077)
    assert done.stdout == f"{RUN}\n", done.stderr
    model = (spool / f"{RUN}_model.pt").stat()
    assert (model.st_uid, model.st_gid, stat.S_IMODE(model.st_mode)) == (NOBODY, PRODUCERS, 0o640)
    assert (spool / f"{RUN}.manifest.json").stat().st_gid == PRODUCERS


@as_root
def test_somebody_elses_file_is_copied_for_the_daemon_wants_one_owner(open_home: Path) -> None:
    spool, out = _spool_of_producers(open_home)
    os.chown(out / "model.pt", 0, 0)
    (out / "model.pt").chmod(0o644)
    done = run_code(_export(out), spool, uid=NOBODY, groups=[PRODUCERS])
    assert done.stdout == f"{RUN}\n", done.stderr
    assert (spool / f"{RUN}_model.pt").stat().st_uid == NOBODY


@as_root
def test_an_original_that_can_not_be_removed_is_told(open_home: Path) -> None:
    spool, out = _spool_of_producers(open_home)
    (out / "model.pt").chmod(0o644)
    out.chmod(0o555)
    done = run_code(_export(out), spool, uid=NOBODY, groups=[PRODUCERS])
    assert done.stdout == f"{RUN}\n"
    assert f"original_not_removed path={out}/model.pt" in done.stderr
    assert (out / "model.pt").read_bytes() == MODEL


@as_root
def test_without_the_group_the_run_is_refused_and_says_so(open_home: Path) -> None:
    spool, out = _spool_of_producers(open_home)
    done = run_code(_export(out), spool, uid=NOBODY)
    reason = f"{spool} may not be written: is this user in the group huracan?"
    assert done.stdout == "None\n"
    assert done.stderr == f'run_not_handed_over symbol=SOL/USDT reason="{reason}"\n'
    assert (out / "model.pt").read_bytes() == MODEL


@as_root
def test_a_file_that_may_not_be_read_is_refused(open_home: Path) -> None:
    spool, out = _spool_of_producers(open_home)
    os.chown(out / "model.pt", 0, 0)
    (out / "model.pt").chmod(0o600)
    done = run_code(_export(out), spool, uid=NOBODY, groups=[PRODUCERS])
    assert f"{out}/model.pt: Permission denied" in done.stderr
    assert os.listdir(spool) == []


def _spool_of_producers(home: Path) -> tuple[Path, Path]:
    spool, out = home / "spool", home / "out"
    spool.mkdir()
    os.chown(spool, 0, PRODUCERS)
    spool.chmod(0o3770)
    out.mkdir()
    (out / "model.pt").write_bytes(MODEL)
    (out / "model.pt").chmod(0o600)
    for path in (out, out / "model.pt"):
        os.chown(path, NOBODY, NOBODY)
    return spool, out


def _export(out: Path) -> str:
    return f'print(export_coin_results("SOL/USDT", "{AT}", model_path="{out}/model.pt").run)'


def test_a_missing_spool_is_refused_and_says_so(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HURACAN_SPOOL__PATH", str(tmp_path / "none"))
    submission = export_coin_results("SOL/USDT", AT, model_path=out / "model.pt")
    assert submission.error == f"there is no spool at {tmp_path / 'none'}: is the daemon installed and running?"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert (out / "model.pt").read_bytes() == MODEL


def test_without_a_spool_training_still_has_a_place_to_write_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HURACAN_SPOOL__PATH", str(tmp_path / "none"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with RunWriter("SOL/USDT", AT) as run:
        path = run.path("model")
        path.write_bytes(MODEL)
    assert run.submission is not None
    assert run.submission.error is not None
    assert run.submission.error.endswith(f"what was written for it is in {path.parent}")
    assert path.read_bytes() == MODEL


@as_root
def test_a_copy_that_would_not_fit_is_refused_with_numbers(tmp_path: Path, out: Path) -> None:
    with _small_disk(tmp_path / "small", "4m") as spool:
        (out / "model.pt").write_bytes(bytes(8_000_000))
        done = run_code(_export(out), spool)
        assert "8,000,000 bytes have to be copied to " in done.stderr
        assert "4,194,304 free" in done.stderr
        assert os.listdir(spool) == []
        assert (out / "model.pt").stat().st_size == 8_000_000


@as_root
def test_a_disk_that_fills_up_while_training_writes_ends_nothing(tmp_path: Path) -> None:
    """What could be written is not thrown away: it may be all that is left of the training."""
    code = f"""
with RunWriter("SOL/USDT", "{AT}") as run:
    run.metrics({{"win_rate": 0.5}})
    run.model(bytes(8_000_000))
print(run.submission.run)
"""
    with _small_disk(tmp_path / "small", "4m") as spool:
        done = run_code(code, spool)
        assert done.stdout == "None\n", done.stderr
        assert f"{spool} is full; what was written for it is in {spool}/.kept-SOL_USDT-" in done.stderr
        assert done.stderr.count("\n") == 1
        (kept,) = spool.iterdir()
        assert json.loads((kept / "metrics.json").read_bytes()) == {"win_rate": 0.5}


class _small_disk:  # noqa: N801 - used as a function
    def __init__(self, path: Path, size: str) -> None:
        self._path = path
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=3770", "tmpfs", str(path)], check=True)

    def __enter__(self) -> Path:
        return self._path

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", str(self._path)], check=True)


@as_root
def test_through_a_bind_mount_files_are_copied_and_paths_renamed(tmp_path: Path, out: Path, spool: Path) -> None:
    """Another mount of the same file system: neither rename nor link cross it."""
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    subprocess.run(["mount", "--bind", str(spool), str(mounted)], check=True)
    code = f"""
with RunWriter("SOL/USDT", "{AT}") as run:
    run.model("{out}/model.pt")
    run.path("trades").write_text("a")
print(run.submission.run)
"""
    try:
        done = run_code(code, mounted)
    finally:
        subprocess.run(["umount", str(mounted)], check=True)
    assert done.stdout == f"{RUN}\n", done.stderr
    assert contents(spool) == {"model": MODEL, "trades": b"a"}
    assert os.listdir(out) == ["metrics.json"]


def test_without_hard_links_files_are_renamed(spool: Path, out: Path) -> None:
    inode = (out / "model.pt").stat().st_ino
    done = run_code(_export(out), spool, wrapper=failing("linkat", "EPERM"))
    assert done.stdout == f"{RUN}\n", done.stderr
    assert (spool / f"{RUN}_model.pt").stat().st_ino == inode


def test_without_hard_links_a_failure_puts_files_back(spool: Path, out: Path) -> None:
    inject = ("-e", "inject=linkat:error=EPERM", "-e", "inject=renameat2:error=EIO")
    wrapper = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=linkat,renameat2", *inject)
    done = run_code(_export(out), spool, wrapper=wrapper)
    assert done.stdout == "None\n", done.stderr
    assert (out / "model.pt").read_bytes() == MODEL
    assert os.listdir(spool) == []


def test_a_failure_gives_originals_their_mode_back(spool: Path, out: Path) -> None:
    (out / "model.pt").chmod(0o600)
    done = run_code(_export(out), spool, wrapper=failing("renameat2", "EIO"))
    assert "Input/output error" in done.stderr
    assert (out / "model.pt").stat().st_mode & 0o777 == 0o600
    assert os.listdir(spool) == []


def test_a_disk_that_can_not_sync_is_not_trusted(spool: Path, out: Path) -> None:
    done = run_code(_export(out), spool, wrapper=failing("fsync", "EIO"))
    assert done.stdout == "None\n"
    assert (out / "model.pt").read_bytes() == MODEL
    assert os.listdir(spool) == []


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_without_waiting(spool: Path, tmp_path: Path, make: Any) -> None:
    make(tmp_path / "thing")
    submission = export_coin_results("SOL/USDT", AT, model_path=tmp_path / "thing")
    assert submission.error == f"{tmp_path / 'thing'} is not a regular file"
    assert os.listdir(spool) == []


def test_one_missing_file_refuses_the_whole_run(spool: Path, out: Path) -> None:
    submission = export_coin_results("SOL/USDT", AT, model_path=out / "model.pt", trades_path=out / "none.csv")
    assert submission.error == f"{out / 'none.csv'}: No such file or directory"
    assert submission.results(0) == {"model": False, "trades": False}
    assert (out / "model.pt").read_bytes() == MODEL
    assert os.listdir(spool) == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"symbol": "SOL USDT"}, "such as SOL/USDT"),
        ({"trained_at": "yesterday"}, "2025-11-12T16:49:20Z"),
        ({"metadata": {"text": "x" * 70_000}}, "65536 are allowed"),
        ({"metadata": ["no", "mapping"]}, "metadata"),
        ({"model_path": None}, "artifacts"),
    ],
)
def test_what_the_daemon_would_quarantine_is_refused_at_once(
    spool: Path, out: Path, arguments: dict[str, Any], reason: str
) -> None:
    given = {"symbol": "SOL/USDT", "trained_at": AT, "model_path": out / "model.pt"} | arguments
    submission = export_coin_results(**given)
    assert submission.error is not None
    assert reason in submission.error
    assert os.listdir(spool) == []
    assert (out / "model.pt").exists()


@pytest.mark.usefixtures("spool")
def test_strict_raises_what_else_is_only_told(out: Path) -> None:
    with pytest.raises(NotHandedOver, match="No such file"):
        export_coin_results("SOL/USDT", AT, model_path=out / "none.pt", strict=True)
    with pytest.raises(NotHandedOver, match="expected a path, bytes"):
        RunWriter("SOL/USDT", AT, strict=True).model(object())
    with pytest.raises(NotHandedOver, match=r"sharpe_ratio \(nan\)"):
        RunWriter("SOL/USDT", AT, strict=True).metrics({"sharpe_ratio": float("nan")})


@pytest.mark.usefixtures("spool")
def test_runs_of_one_second_get_numbers(out: Path) -> None:
    names = []
    for _ in range(3):
        (out / "trades.csv").write_text("a")
        names.append(export_coin_results("SOL/USDT", AT, trades_path=out / "trades.csv").run)
    assert names == [RUN, f"{RUN}-2", f"{RUN}-3"]


@pytest.mark.parametrize(
    "left", [f"{RUN}_model.pt", f"receipts/{RUN}.json", f"failed/{RUN}", f"{RUN}.manifest.json"]
)
def test_a_name_that_was_used_is_not_used_again(spool: Path, out: Path, left: str) -> None:
    (spool / left).parent.mkdir(exist_ok=True)
    (spool / left).write_text("somebody's")
    submission = export_coin_results("SOL/USDT", AT, model_path=out / "model.pt")
    assert submission.run == f"{RUN}-2"
    assert (spool / left).read_text() == "somebody's"
    assert contents(spool, f"{RUN}-2") == {"model": MODEL}


def test_an_exception_in_the_block_leaves_nothing_behind(spool: Path, out: Path) -> None:
    run = RunWriter("SOL/USDT", AT)
    with pytest.raises(ZeroDivisionError), run:
        _train_until_it_breaks(run, out)
    assert run.submission is not None
    assert (run.submission.ok, run.submission.error) == (False, "the run was discarded")
    assert os.listdir(spool) == []
    assert (out / "model.pt").read_bytes() == MODEL


def _train_until_it_breaks(run: RunWriter, out: Path) -> None:
    run.model(out / "model.pt")
    run.metrics({"win_rate": 1 / 1})
    run.metrics({"win_rate": 1 / 0})


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_interrupts_pass_and_leave_nothing_behind(spool: Path, interrupt: type[BaseException]) -> None:
    class Frame:
        def write_parquet(self, path: Path) -> None:
            path.write_bytes(b"half")
            raise interrupt

    with pytest.raises(interrupt), RunWriter("SOL/USDT", AT) as run:
        run.candles(Frame())
    assert os.listdir(spool) == []


def test_what_can_not_be_written_refuses_the_run_and_keeps_the_rest(spool: Path) -> None:
    with RunWriter("SOL/USDT", AT) as run:
        run.model(MODEL)
        run.trades(7)
    assert run.submission is not None
    (kept,) = spool.iterdir()
    assert run.submission.error == (
        f"expected a data frame, a list of mappings or a path, not int; what was written for it is in {kept}"
    )
    assert kept.name.startswith(".kept-SOL_USDT-")
    assert (kept / "model.pt").read_bytes() == MODEL


@pytest.mark.usefixtures("spool")
def test_a_path_that_nothing_was_written_to_refuses_the_run() -> None:
    with RunWriter("SOL/USDT", AT) as run:
        run.metrics({"win_rate": 0.5})
        run.path("model")
    assert run.submission is not None
    assert run.submission.error is not None
    assert "model.pt: No such file or directory" in run.submission.error


def test_the_pipelines_lines_are_logged(spool: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "huracan_spool")
    with RunWriter("SOL/USDT", AT) as run:
        run.model(MODEL)
        run.metrics({"sharpe_ratio": float("inf")})
        run.trades([{"a": 1}, {"a": 2}])
    assert [record.getMessage() for record in caplog.records] == [
        'values_changed_for_json in=metrics values="sharpe_ratio (inf)"',
        f"model_saved_locally path={spool}/{RUN}_model.pt",
        f"metrics_saved_locally path={spool}/{RUN}_metrics.json",
        f"trades_saved_locally path={spool}/{RUN}_trades.csv count=2",
    ]


@pytest.mark.parametrize(("name", "value"), [("HURACAN_SPOOL_DISABLED", "1"), ("RANK", "1")])
def test_where_nothing_is_to_be_written_nothing_is(
    spool: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv(name, value)
    with RunWriter("SOL/USDT", AT, strict=True) as run:
        run.model(out / "model.pt")
        run.metrics({"win_rate": float("nan")})
        path = run.path("trades")
        path.write_text("a")
    assert run.submission is not None
    assert (run.submission.ok, run.submission.skipped) == (False, True)
    assert not path.parent.exists()
    assert os.listdir(spool) == []
    assert (out / "model.pt").exists()
    assert caplog.records == []


def test_a_forked_process_does_not_publish_its_parents_run(spool: Path) -> None:
    code = f"""
with RunWriter("SOL/USDT", "{AT}") as run:
    run.metrics({{"win_rate": 0.5}})
    child = os.fork()
if child:
    os.waitpid(child, 0)
print(bool(child), run.submission.run, run.submission.skipped)
"""
    done = run_code(code, spool)
    assert sorted(done.stdout.splitlines()) == ["False None True", f"True {RUN} False"]
    assert set(os.listdir(spool)) == {f"{RUN}.manifest.json", f"{RUN}_metrics.json"}


def test_what_dead_processes_left_is_removed_after_a_while(spool: Path) -> None:
    for name, hours in ((".staging-old", 40), (".staging-new", 1), (".kept-SOL-1", 400), (".other", 400)):
        (spool / name).mkdir()
        (spool / name / "model.pt").write_bytes(MODEL)
        moment = (spool / name).stat().st_mtime - hours * 3600
        os.utime(spool / name, (moment, moment))
    Staging.open(spool).remove()
    assert set(os.listdir(spool)) == {".staging-new", ".kept-SOL-1", ".other"}


def test_a_folder_that_is_in_use_is_never_removed(spool: Path) -> None:
    used = Staging.open(spool)
    moment = used.path.stat().st_mtime - 40 * 3600
    os.utime(used.path, (moment, moment))
    Staging.open(spool).remove()
    assert used.path.is_dir()
    used.remove()
    assert os.listdir(spool) == []
