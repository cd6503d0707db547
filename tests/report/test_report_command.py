"""`report` as people call it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from planting import plant

from huracan_spool.emulator import Emulator
from support.runs import make_run
from support.site import COMMAND, Site, finished

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def filled(site: Site) -> Site:
    plant(site, "2025-11-11T16:49:20Z", win_rate=0.5, note="first")
    plant(site, "2025-11-12T09:15:00Z", win_rate=0.4, superseded=True)
    plant(site, "2025-11-12T16:49:20Z", win_rate=0.6, sharpe_ratio=1.5)
    return site


async def test_a_report_on_what_a_daemon_uploaded(connected: Site, dropbox: Emulator, tmp_path: Path) -> None:  # noqa: ARG001
    runs = [make_run(0), make_run(1), make_run(30)]
    async with connected.daemon() as daemon:
        for run in runs:
            run.publish(connected.spool)
        await daemon.settled(*(run.name for run in runs))

    file = tmp_path / "sol.html"
    done = await connected.command("report", "sol/usdt", "--output", str(file), "--config", str(connected.config))

    assert (done.code, done.out) == (0, f"{file}\n"), done.err
    text = file.read_text()
    assert "3 runs from 2025-11-12 to 2025-11-13" in text
    assert "superseded" in text
    assert runs[2].name in text


async def test_a_run_is_named_by_its_day_or_its_time(filled: Site, tmp_path: Path) -> None:
    for named, told in (
        ("2025-11-11", "run of 2025-11-11 16:49:20 UTC"),
        ("2025-11-12", "run of 2025-11-12 16:49:20 UTC"),
        ("2025-11-12T09:15:00Z", "run of 2025-11-12 09:15:00 UTC"),
    ):
        file = tmp_path / "report.html"
        done = await filled.command("report", "SOL-USDT", "--run", named, "--output", str(file))
        assert done.code == 0, done.err
        assert told in file.read_text()


async def test_pictures_in_one_file_and_each_in_its_own(filled: Site, tmp_path: Path) -> None:
    file, folder = tmp_path / "chat.png", tmp_path / "charts"
    page = ("--output", str(tmp_path / "report.html"))

    one = await filled.command("report", "SOL/USDT", *page, "--png", str(file))
    many = await filled.command("report", "SOL/USDT", *page, "--png", str(folder))

    assert (one.code, many.code) == (0, 0), one.err + many.err
    assert file.read_bytes().startswith(PNG)
    names = {path.name for path in folder.iterdir()}
    assert {"SOL-USDT_equity.png", "SOL-USDT_candles.png", "SOL-USDT_metric-0.png"} <= names
    assert all(path.read_bytes().startswith(PNG) for path in folder.iterdir())
    assert set(many.out.splitlines()[1:]) == {str(folder / name) for name in names}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("BTC/USDT",), 1, "there is no run of BTC-USDT in the archive"),
        (("SOL/USDT", "--run", "2025-12-24"), 1, "there is no run of 2025-12-24 of SOL-USDT"),
        (("SOL/USDT", "--run", "2025-11-12T09:15:01Z"), 1, "there is no run of 2025-11-12T09:15:01Z"),
        (("SOL/USDT", "--since", "2026-01-01"), 1, "there is no run of SOL-USDT"),
        (("SOL/USDT", "--run", "yesterday"), 64, "is no date"),
        (("SOL/USDT", "--run", "2025-11-12T99:99"), 64, "nor a time"),
        (("../etc",), 64, "'../etc'"),
        ((), 64, "Missing argument"),
        (("SOL/USDT", "--output", "missing/folder/report.html"), 64, "missing/folder/report.html"),
    ],
)
async def test_what_can_t_be_done_is_said(filled: Site, arguments: tuple[str, ...], code: int, says: str) -> None:
    done = await filled.command("report", *arguments)

    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("missing", ["altair", "vl_convert"])
async def test_without_the_libraries_it_says_what_to_install(filled: Site, missing: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; from huracan_spool.cli.main import main; main()"

    done = await finished((sys.executable, "-c", program, "report", "SOL/USDT"), filled.environ)

    assert done.code == 78
    assert "pip install 'huracan-spool[report]'" in done.err


@pytest.mark.parametrize("command", ["report", "compare"])
def test_help_loads_nothing_heavy(command: str) -> None:
    program = (
        "import sys\n"
        "from huracan_spool.cli.main import cli\n"
        f"cli.main([{command!r}, '--help'], standalone_mode=False)\n"
        "print(*sorted({'polars', 'altair', 'vl_convert', 'pyarrow', 'dropbox', 'aiohttp'} & sys.modules.keys()))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == ""


async def test_the_file_is_named_after_symbol_and_day(filled: Site, tmp_path: Path) -> None:
    environ = filled.environ | {"HOME": str(tmp_path)}
    program = "import os, sys; os.chdir(sys.argv.pop(1)); from huracan_spool.cli.main import main; main()"

    done = await finished((*COMMAND[:1], "-c", program, str(tmp_path), "report", "SOL/USDT"), environ)

    assert (done.code, done.out) == (0, "SOL-USDT_2025-11-12.html\n"), done.err
    assert (tmp_path / "SOL-USDT_2025-11-12.html").exists()
