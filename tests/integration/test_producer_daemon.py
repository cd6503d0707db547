"""From training to the receipt: the library, a real daemon, and the local archive."""

from __future__ import annotations

import asyncio
from pathlib import Path

import polars as pl
import pytest

from huracan_spool import RunWriter, export_coin_results
from huracan_spool.manifest import Kind
from huracan_spool.samples import SMALL, moment, write_sample
from support.runs import Run, make_run
from support.site import COMMAND, Site
from support.waiting import eventually, within

RUN = "SOL_USDT_20251112_164920"
AT = moment("2025-11-12T16:49:20")
FOLDER = "models/training/2025-11-12/SOL-USDT"
ALL = {"model": True, "metrics": True, "features": True, "candle_data": True, "trades": True}


@pytest.fixture(autouse=True)
def _host(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What inspection thinks of a file is another matter."""
    site.settings["spool.inspection"] = "off"
    monkeypatch.setenv("HURACAN_SPOOL__PATH", str(site.spool))


@pytest.fixture
async def idle(site: Site) -> Site:
    """A host whose daemon has made the spool and is down."""
    async with site.daemon():
        return site


async def test_exported_files_are_uploaded_and_the_results_say_so(site: Site, tmp_path: Path) -> None:
    files = write_sample(tmp_path, AT, 1, SMALL)
    sent = {kind: path.read_bytes() for kind, path in files.items()}
    async with site.daemon() as daemon:
        submission = export_coin_results(
            "SOL/USDT",
            AT,
            model_path=files[Kind.MODEL],
            metrics_path=files[Kind.METRICS],
            features_path=files[Kind.FEATURES],
            candle_data_path=files[Kind.CANDLES],
            trades_path=files[Kind.TRADES],
            metadata={"git_commit": "a1b2c3d"},
        )
        assert await asyncio.to_thread(submission.results, 60) == ALL
        assert submission.status() == "uploaded"
        await daemon.settled(RUN)
    assert (site.archive / FOLDER / "model" / "model.bin").read_bytes() == sent[Kind.MODEL]
    assert (site.archive / FOLDER / "results" / "trades.csv").read_bytes() == sent[Kind.TRADES]
    assert not any(path.exists() for path in files.values())
    assert site.in_spool() == set()


async def test_what_a_writer_wrote_is_uploaded(site: Site) -> None:
    async with site.daemon() as daemon:
        with RunWriter("SOL/USDT", AT) as run:
            run.metrics({"total_trades": 2, "win_rate": 0.5, "sharpe_ratio": 1.0, "total_profit_gbp": 0.1})
            run.candles(pl.DataFrame({"ts": [AT], "open": [1.0], "high": [2.0], "low": [1.0], "close": [2.0]}))
            run.path("model").write_bytes(b"\x00" * 3_000_000)
        assert await asyncio.to_thread(run.publish().results, 60) == {
            "model": True,
            "metrics": True,
            "candle_data": True,
        }
        await daemon.settled(RUN)
    assert (site.archive / FOLDER / "model" / "model.bin").stat().st_size == 3_000_000


async def test_the_second_run_of_a_second_is_waited_for_by_itself(site: Site) -> None:
    async with site.daemon() as daemon:
        first = _metrics(1)
        await daemon.settled(RUN)
        second = _metrics(2)
        assert (first, second) == (RUN, f"{RUN}-2")
        await daemon.settled(f"{RUN}-2")


def _metrics(number: int) -> str | None:
    with RunWriter("SOL/USDT", AT) as run:
        run.metrics({"total_trades": number})
    return run.publish().run


async def test_a_failed_run_says_so(idle: Site) -> None:
    with RunWriter("SOL/USDT", AT) as run:
        run.metrics({"total_trades": 1})
    (idle.spool / f"{RUN}_metrics.json").unlink()
    async with idle.daemon() as daemon:
        await daemon.logged("run_failed", run=RUN)
        assert await asyncio.to_thread(run.publish().results, 60) == {"metrics": False}
        assert run.publish().status() == "failed"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Files of a run, in the test's own folder."""
    made = make_run()
    for kind, data in made.contents.items():
        (tmp_path / made.file(kind)).write_bytes(data)
    return made


def submitting(run: Run, folder: Path, *options: str) -> tuple[str, ...]:
    files = [text for kind in run.contents for text in (f"--{kind}", str(folder / run.file(kind)))]
    return ("submit", run.symbol, "--trained-at", run.manifest()["trained_at"], *files, *options)


async def test_submit_watches_until_the_run_is_uploaded(site: Site, run: Run, tmp_path: Path) -> None:
    async with site.daemon():
        done = await site.command(*submitting(run, tmp_path, "--watch"))
    assert (done.code, done.out) == (0, f"{run.name}\n")
    assert done.err.endswith(f"uploaded: {ALL}\n")
    assert all((tmp_path / run.file(kind)).read_bytes() == data for kind, data in run.contents.items())


async def test_submit_watches_until_the_run_fails(idle: Site, run: Run, tmp_path: Path) -> None:
    watching = asyncio.create_task(idle.command(*submitting(run, tmp_path, "--watch")))
    await eventually((idle.spool / run.manifest_file).exists, "the manifest")
    (idle.spool / run.file("model")).unlink()
    async with idle.daemon():
        done = await within(watching, "the end of submit --watch")
    assert done.code == 1
    assert f"Error: {run.name} failed: missing_artifact: " in done.err


async def test_without_a_daemon_submit_says_what_it_waits_for(idle: Site, run: Run, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, *submitting(run, tmp_path, "--watch")),
        env=idle.environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    line = await within(process.stderr.readline(), "a line of progress")
    assert line.decode() == f"{run.name}  waits for the daemon\n"
    async with idle.daemon():
        assert await within(process.wait(), "the end of submit --watch") == 0


async def test_a_run_that_vanishes_is_not_watched_for_ever(idle: Site, run: Run, tmp_path: Path) -> None:
    watching = asyncio.create_task(idle.command(*submitting(run, tmp_path, "--watch")))
    await eventually((idle.spool / run.manifest_file).exists, "the manifest")
    (idle.spool / run.manifest_file).unlink()
    done = await within(watching, "the end of submit --watch")
    assert (done.code, done.err.splitlines()[-1]) == (
        1,
        f"Error: {run.name} is no longer in the spool, and there is no receipt",
    )


async def test_submit_with_a_name_that_is_taken_says_how_to_go_on(idle: Site, run: Run, tmp_path: Path) -> None:
    await idle.command(*submitting(run, tmp_path))
    done = await idle.command(*submitting(run, tmp_path))
    assert done.code == 75
    assert "choose --run NAME" in done.err


async def test_submit_without_a_spool_says_so(site: Site, run: Run, tmp_path: Path) -> None:
    done = await site.command(*submitting(run, tmp_path))
    assert done.code == 75
    assert f"there is no spool at {site.spool}: is the daemon installed and running?" in done.err
