"""The demo: an emulated Dropbox, a real daemon on a real spool, and a few generated runs."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from huracan_spool import layout
from huracan_spool.emulator import Emulator, EmulatorOptions
from huracan_spool.manifest import Kind, Symbol
from huracan_spool.producer.handover import publish
from huracan_spool.record import rfc3339
from huracan_spool.samples import moment, write_sample
from huracan_spool.threads import in_thread

DEADLINE = 60.0  # seconds; two are usual
_LOOK = 0.05
_LOOPBACK = ("127.0.0.1", 0)

Say = Callable[[str], object]


class DemoFailed(Exception):
    """Something did not end as it should."""


@dataclass(frozen=True, slots=True)
class DemoRun:
    """A `broken` run is a manifest whose file never came, as after a training that died."""

    symbol: str
    trained_at: datetime
    kinds: tuple[Kind, ...] = tuple(Kind)
    broken: bool = False

    @property
    def name(self) -> str:
        return f"{Symbol(self.symbol).prefix}_{layout.timestamp(self.trained_at)}"


RUNS = (
    DemoRun("SOL/USDT", moment("2025-11-12T16:49:20")),
    DemoRun("SOL/USDT", moment("2025-11-12T09:15:00")),  # comes late: the newer one keeps the fixed names
    DemoRun("BTC/USDT", moment("2025-11-12T17:02:41")),
    DemoRun("ETH/USDT", moment("2025-11-12T17:20:05"), kinds=(Kind.METRICS, Kind.FEATURES, Kind.CANDLES)),
    DemoRun("DOGE/USDT", moment("2025-11-12T18:00:00"), broken=True),
)


async def run_demo(say: Say, show: Say) -> None:
    """`say` gets what happens, `show` the result. Raises `DemoFailed`."""
    with tempfile.TemporaryDirectory(prefix="huracan-spool-demo-") as name:
        home = Path(name)
        options = EmulatorOptions(http=None, https=_LOOPBACK, root=home / "dropbox")
        async with Emulator(options) as emulator:
            say(f"Dropbox is emulated at {emulator.https_url}; the runs are generated, no training results")
            async with _daemon(home, emulator, say):
                sent = await _publish_all(home / "spool", home / "training", say)
                receipts = await _settled(home / "spool")
            count = _check(emulator, receipts, sent)
            for line in _tree(emulator):
                show(line)
    say(f"{count} files compared byte for byte with what was published: all equal. Nothing was left behind.")


@asynccontextmanager
async def _daemon(home: Path, emulator: Emulator, say: Say) -> AsyncIterator[None]:
    """A daemon process, configured with the two keys that people set, and addresses from the environment."""
    config = home / "config.yaml"
    config.write_text(f'dropbox:\n  access_token: "{emulator.access_token}"\n  app_folder: "Huracan"\n')
    config.chmod(0o600)
    ours = {key: value for key, value in os.environ.items() if not key.startswith("HURACAN_")}
    url = str(emulator.https_url)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "huracan_spool", "run", "--config", str(config)),
        env=ours
        | {
            "HURACAN_SPOOL__PATH": str(home / "spool"),
            "HURACAN_STATE_DIR": str(home / "state"),
            "HURACAN_DROPBOX__API_URL": url,
            "HURACAN_DROPBOX__CONTENT_URL": url,
            "HURACAN_DROPBOX__OAUTH_URL": url,
            "HURACAN_DROPBOX__CA_FILE": str(emulator.ca_file),
            "HURACAN_HTTP__LISTEN": "off",
        },
        stdout=asyncio.subprocess.PIPE,
    )
    ready = asyncio.Event()
    reader = asyncio.create_task(_relay(process, say, ready))
    try:
        async with asyncio.timeout(DEADLINE):
            await ready.wait()
        yield
    except TimeoutError:
        raise DemoFailed("the daemon did not become ready") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        await reader


async def _relay(process: asyncio.subprocess.Process, say: Say, ready: asyncio.Event) -> None:
    if process.stdout is None:
        return
    async for line in process.stdout:
        text = line.decode().rstrip("\n")
        say(text)
        if " daemon_ready " in text:
            ready.set()
    ready.set()  # it ended; whoever waits finds that out


async def _publish_all(spool: Path, folder: Path, say: Say) -> dict[str, dict[str, str]]:
    """Publish the runs as training would; returns the sha256 of every file that must arrive."""
    sent = {}
    for seed, run in enumerate(RUNS):
        if run.broken:
            say(f"training publishes {run.name}, but its file never comes")
            (spool / f"{run.name}.manifest.json").write_text(_broken_manifest(run))
            continue
        source = folder / run.name
        source.mkdir(parents=True)
        files = await in_thread(write_sample, source, run.trained_at, seed)
        chosen = {str(kind): path for kind, path in files.items() if kind in run.kinds}
        say(f"training publishes {run.name}: {', '.join(chosen)}")
        await in_thread(publish, spool, run.name, run.symbol, rfc3339(run.trained_at), chosen, {"demo": True})
        sent[run.name] = {kind: hashlib.sha256(path.read_bytes()).hexdigest() for kind, path in chosen.items()}
    return sent


def _broken_manifest(run: DemoRun) -> str:
    artifacts = {"trades": f"{run.name}_trades.csv"}
    document = {"version": 1, "symbol": run.symbol, "trained_at": rfc3339(run.trained_at), "artifacts": artifacts}
    return json.dumps(document)


async def _settled(spool: Path) -> dict[str, Any]:
    """Every run's receipt, once all are there."""
    paths = {run.name: spool / "receipts" / f"{run.name}.json" for run in RUNS}
    try:
        async with asyncio.timeout(DEADLINE):
            while not all(path.exists() for path in paths.values()):  # noqa: ASYNC110 - as a producer would
                await asyncio.sleep(_LOOK)
    except TimeoutError:
        late = [name for name, path in paths.items() if not path.exists()]
        raise DemoFailed(f"not settled after {DEADLINE:.0f} s: {', '.join(late)}") from None
    return {name: json.loads(path.read_bytes()) for name, path in paths.items()}


def _check(emulator: Emulator, receipts: Mapping[str, Any], sent: Mapping[str, Mapping[str, str]]) -> int:
    """Compare what lies in Dropbox with what was published, byte for byte; the number of files."""
    tree = emulator.tree()
    files = [
        (path, sent[name][kind])
        for name, receipt in receipts.items()
        for kind, artifact in receipt["artifacts"].items()
        for path in artifact["paths"]
    ]
    wrong = [path for path, sha256 in files if hashlib.sha256(tree[path].read()).hexdigest() != sha256]
    missing = [name for name in sent if receipts[name]["status"] != "uploaded"]
    if wrong or missing:
        raise DemoFailed(f"differs from what was published: {', '.join(wrong + missing)}")
    return len(files)


def _tree(emulator: Emulator) -> Iterator[str]:
    """The account's files as an indented tree with sizes."""
    shown: tuple[str, ...] = ()
    for path, file in sorted(emulator.tree().items()):
        *folders, name = path.strip("/").split("/")
        common = next((n for n, (a, b) in enumerate(zip(shown, folders, strict=False)) if a != b), len(shown))
        for depth in range(min(common, len(folders)), len(folders)):
            yield f"{'  ' * depth}{folders[depth]}/"
        yield f"{'  ' * len(folders)}{name}  ({file.size:,} bytes)"
        shown = tuple(folders)
