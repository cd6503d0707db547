"""The daemon's side of an inspection, with real processes: the one that looks, and ones that misbehave."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pyarrow as pa
import pytest

from fuzz.corpus import TENSORS, candles_table, metrics_json, parquet, safetensors, torch_zip, trades_csv
from huracan_spool.inspection.forks import TEMPLATE, Forks
from huracan_spool.inspection.parent import InspectionLimits, inspect
from huracan_spool.inspection.report import Report
from huracan_spool.manifest import Kind
from support.runs import make_run
from support.waiting import eventually

LIMITS = InspectionLimits(seconds=60)
HASTY = InspectionLimits(seconds=0.3)


@pytest.fixture
async def forks() -> AsyncIterator[Forks]:
    async with Forks() as forks:
        yield forks


def forking(program: str) -> tuple[str, ...]:
    """A template whose forks run a program; `look(order, files)` is what they would have done."""
    served = f"""
import socket
from huracan_spool.inspection.template import Template, inspecting
prepare, look = inspecting()
def run(order, files):
    exec({program!r}, {{"look": look, "order": order, "files": files}})
Template(socket.socket(fileno=0), prepare, run).serve()
"""
    return (sys.executable, "-I", "-B", "-c", served)


async def look(
    folder: Path,
    contents: Mapping[str, bytes],
    limits: InspectionLimits = LIMITS,
    template: tuple[str, ...] = TEMPLATE,
) -> Report:
    async with Forks(template) as forks:
        return await look_with(forks, folder, contents, limits)


async def look_with(
    forks: Forks, folder: Path, contents: Mapping[str, bytes], limits: InspectionLimits = LIMITS
) -> Report:
    fds = {}
    for kind, content in contents.items():
        (folder / kind).write_bytes(content)
        fds[Kind(kind)] = os.open(folder / kind, os.O_RDONLY)
        (folder / kind).unlink()  # what counts is the open file
    try:
        report = await inspect(forks, fds, {kind: os.fstat(fd).st_size for kind, fd in fds.items()}, limits)
        assert {os.lseek(fd, 0, os.SEEK_CUR) for fd in fds.values()} <= {0}
        return report
    finally:
        for fd in fds.values():
            os.close(fd)


def codes(report: Report) -> list[tuple[str, str]]:
    return [(str(finding.kind), finding.code) for finding in report.findings]


async def test_a_good_run_has_facts_and_no_findings(tmp_path: Path) -> None:
    report = await look(tmp_path, make_run().contents)
    assert (report.failed, report.findings) == (None, ())
    assert report.facts[Kind.CANDLES]["rows"] == 20
    assert report.facts[Kind.TRADES]["rows"] == 3
    assert report.facts[Kind.MODEL]["format"] == "torch"


async def test_the_same_files_have_the_same_verdict_byte_for_byte(tmp_path: Path) -> None:
    contents = {**make_run().contents, "metrics": metrics_json(win_rate=0.9), "candles": b"PAR1 no more"}
    first, second = [await look(tmp_path, contents) for _ in range(2)]
    assert json.dumps(first.to_json()) == json.dumps(second.to_json())
    assert first.broken
    assert first.odd


async def test_each_file_is_judged_whatever_the_others_are(tmp_path: Path) -> None:
    report = await look(tmp_path, {"model": b"PK\x03\x04", "metrics": b"{", "trades": trades_csv()})
    assert codes(report) == [("model", "unreadable"), ("metrics", "unreadable")]
    assert report.facts[Kind.TRADES]["rows"] == 40


async def test_a_page_that_claims_gigabytes_is_a_verdict(tmp_path: Path) -> None:
    good = parquet(candles_table(), compression="none", use_dictionary=False, column_encoding="PLAIN")
    sizes = b"\x15\x8e\x19\x15\x8e\x19"  # 1,607 bytes, packed and unpacked: 200 timestamps
    assert sizes in good
    claims = good.replace(sizes, b"\x15\xfe\xff\xff\xff\x0f\x15\xfe\xff\xff\xff\x0f", 1)
    report = await look(tmp_path, {"candles": claims})
    assert report.failed is None
    assert [finding.severity for finding in report.findings] == ["broken"]


async def test_a_page_that_unpacks_to_more_than_the_memory_is_a_verdict(tmp_path: Path) -> None:
    notes = pa.array(["x" * (150 * 1024 * 1024)])
    bomb = parquet(candles_table(1).append_column("note", notes), compression="zstd")
    assert len(bomb) < 100_000
    report = await look(tmp_path, {"candles": bomb}, InspectionLimits(60, memory_bytes=128 * 1024 * 1024))
    assert codes(report) == [("candles", "takes_too_much_memory")]


async def test_a_zip_that_unpacks_to_far_more_than_its_size_is_not_unpacked(tmp_path: Path) -> None:
    bomb = torch_zip(b"\x80\x02}.", {"0": bytes(200 * 1024 * 1024)}, compression=8)
    report = await look(tmp_path, {"model": bomb})
    assert codes(report) == [("model", "expands")]


async def test_a_safetensors_header_of_many_tensors_ends_within_the_memory(tmp_path: Path) -> None:
    header = {f"t{number}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for number in range(400_000)}
    report = await look(
        tmp_path, {"model": safetensors(header, b"")}, InspectionLimits(60, memory_bytes=96 * 2**20)
    )
    assert codes(report) == [("model", "takes_too_much_memory")]


async def test_json_that_takes_too_much_memory_is_left_unchecked(tmp_path: Path) -> None:
    dense = b'{"a":[' + b",".join([b"[]"] * 6_000_000) + b"]}"
    assert codes(await look(tmp_path, {"metrics": dense})) == [("metrics", "not_checked")]


async def test_files_need_to_be_open_for_reading_only(tmp_path: Path) -> None:
    report = await look(tmp_path, {"model": safetensors(TENSORS, bytes(48))})
    assert report == Report((), {Kind.MODEL: {"format": "safetensors", "tensors": 2}})


@pytest.mark.parametrize(
    ("program", "failure"),
    [
        ("import os; os.abort()", "was ended by SIGABRT"),
        ("import os; os.kill(os.getpid(), 11)", "was ended by SIGSEGV"),
        ("raise SystemExit(3)", "failed with exit code 3"),
        ("raise RuntimeError('no\\tidea')", "failed with exit code 1: RuntimeError: no\\tidea"),
        ("", "gave no usable verdict: Expecting value: line 1 column 1 (char 0)"),
        ("print('{}')", "gave no usable verdict: the verdict lacks its findings"),
        ("print('[' * 100_000)", "gave no usable verdict: maximum recursion depth exceeded"),
        ('print(\'{"failed": null, "findings": []}\')', "gave a verdict on other files"),
        ('print(\'{"failed": null, "findings": [], "model": {}, "trades": {}}\')', "gave a verdict on other files"),
        ('print(\'{"failed": "x", "findings": [], "model": {}}\')', "gave a verdict on other files"),
        (
            'print(\'{"failed": null, "findings": [], "model": {"a": NaN}}\')',
            "gave no usable verdict: NaN is not JSON",
        ),
        (
            'print(\'{"failed": null, "findings": [], "model": {"a": "\\\\ud800"}}\')',
            "gave no usable verdict: a fact is no text",
        ),
        ("while True: print('x' * 1000)", "said more than 524288 bytes"),
        ("import sys\nwhile True: print('x' * 1000, file=sys.stderr)", "said more than 65536 bytes"),
        ("import time; time.sleep(600)", "was not done after 0.3 seconds"),
        ("import os, time; os.close(1); os.close(2); time.sleep(600)", "was not done after 0.3 seconds"),
        ("import os, time; os.fork(); time.sleep(600)", "was not done after 0.3 seconds"),
    ],
)
async def test_a_process_that_dies_hangs_floods_or_lies_is_a_failed_inspection(
    tmp_path: Path, program: str, failure: str
) -> None:
    limits = HASTY if "sleep" in program else LIMITS
    report = await look(tmp_path, {"model": b"x"}, limits, forking(program))
    assert report.findings == ()
    assert report.failed is not None
    assert report.failed.startswith(f"the inspecting process {failure}")
    assert report.failed.endswith("(tried 2 times)")
    assert Report.from_json(report.to_json()) == report


async def test_a_program_that_is_not_there_is_a_failed_inspection(tmp_path: Path) -> None:
    report = await look(tmp_path, {"model": b"x"}, template=("/nonexistent/python",))
    assert report == Report(
        failed="the inspecting process could not be started: No such file or directory (tried 2 times)"
    )


async def test_a_failed_inspection_is_tried_once_more(tmp_path: Path) -> None:
    program = (
        f"import os\ntry:\n os.mkdir({str(tmp_path / 'first')!r})\n os.abort()\nexcept FileExistsError:\n"
        " look(order, files)"
    )
    report = await look(tmp_path, {"trades": trades_csv()}, template=forking(program))
    assert (report.failed, report.findings) == (None, ())


async def test_a_cancelled_inspection_leaves_no_process(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "started")
    program = (
        f"import os, time\nwith open({str(tmp_path / 'started')!r}, 'w') as told: told.write(str(os.getpid()))\n"
        "time.sleep(600)"
    )
    looking = asyncio.create_task(look(tmp_path, {"model": b"x"}, template=forking(program)))
    pid = int(await asyncio.to_thread((tmp_path / "started").read_text))
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_the_process_sees_nothing_of_the_daemons_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HURACAN_DROPBOX__ACCESS_TOKEN", "secret")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    program = "import os; raise SystemExit(' '.join(sorted(os.environ)[::-1]))"
    report = await look(tmp_path, {"model": b"x"}, template=forking(program))
    assert report.failed is not None
    assert "HURACAN" not in report.failed
    assert "PYTHONPATH" not in report.failed
    assert "TZ" in report.failed


def python(program: str) -> str:
    return subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, check=True, text=True).stdout


def test_once_it_looks_it_can_open_no_file_and_no_socket() -> None:
    program = """
import socket, os
from huracan_spool.inspection.confine import confine, open_nothing_more
confine(seconds=30, memory_bytes=2**28, open_files=32)
open_nothing_more()
for attempt in (lambda: open("/etc/passwd"), lambda: os.open("/tmp", 0), socket.socket, os.pipe):
    try:
        attempt()
    except OSError as error:
        print(error.errno)
try:
    bytearray(2**29)
except MemoryError:
    print("no memory")
"""
    assert python(program).split("\n") == ["24", "24", "24", "24", "no memory", ""]


def test_the_daemons_side_loads_neither_pyarrow_nor_polars() -> None:
    program = """
import sys, huracan_spool.inspecting
print(sorted({"pyarrow", "polars", "zipfile", "pickletools"} & set(sys.modules)))
"""
    assert python(program) == "[]\n"


async def test_what_pyarrow_would_load_while_it_looks_is_left_out(tmp_path: Path) -> None:
    """It imports pandas, where that is installed, with the first value that it makes."""
    program = """
look(order, files)
try:
    import pandas
except ModuleNotFoundError:
    pass
"""
    report = await look(tmp_path, {"candles": parquet(candles_table())}, template=forking(program))
    assert (report.failed, report.findings) == (None, ())


async def test_a_run_without_candles_is_looked_at_without_pyarrow(tmp_path: Path) -> None:
    program = """
import sys
look(order, files)
if "pyarrow" in sys.modules or "polars" in sys.modules:
    raise SystemExit("loaded")
"""
    contents = {"metrics": metrics_json(), "trades": trades_csv(), "model": torch_zip(b"\x80\x02}.", {})}
    report = await look(tmp_path, contents, template=forking(program))
    assert (report.failed, report.findings) == (None, ())


async def test_a_template_serves_runs_side_by_side_and_one_after_the_other(tmp_path: Path, forks: Forks) -> None:
    folders = [tmp_path / str(number) for number in range(12)]
    for folder in folders:
        folder.mkdir()
    side_by_side = await asyncio.gather(*(look_with(forks, folder, make_run().contents) for folder in folders))
    one_more = await look_with(forks, tmp_path, make_run().contents)
    assert {json.dumps(report.to_json()) for report in side_by_side} == {json.dumps(one_more.to_json())}
    assert one_more.failed is None


async def test_a_run_with_candles_is_forked_from_a_process_with_one_thread(tmp_path: Path) -> None:
    """A fork has only the thread that forked: a lock that another one held would stay taken."""
    program = """
import os
threads = len(os.listdir(f"/proc/{os.getppid()}/task"))
look(order, files)
raise SystemExit(None if threads == 1 else f"{threads} threads")
"""
    report = await look(tmp_path, make_run().contents, template=forking(program))
    assert (report.failed, report.findings) == (None, ())


async def test_a_template_that_dies_under_a_run_is_replaced(tmp_path: Path) -> None:
    program = (
        f"import os\ntry:\n os.mkdir({str(tmp_path / 'first')!r})\n os.kill(os.getppid(), 9)\n"
        "except FileExistsError:\n pass\nlook(order, files)"
    )
    report = await look(tmp_path, {"trades": trades_csv()}, template=forking(program))
    assert (report.failed, report.findings) == (None, ())


async def test_a_template_that_hangs_is_killed_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huracan_spool.inspection.forks._ENDING", 0.1)
    program = (
        f"import os, signal\ntry:\n os.mkdir({str(tmp_path / 'first')!r})\n"
        " os.kill(os.getppid(), signal.SIGSTOP)\nexcept FileExistsError:\n pass\nlook(order, files)"
    )
    report = await look(tmp_path, {"trades": trades_csv()}, InspectionLimits(seconds=3), forking(program))
    assert (report.failed, report.findings) == (None, ())


async def test_without_work_the_template_ends_and_starts_again_with_it(tmp_path: Path) -> None:
    program = f"import os\nopen({str(tmp_path / 'parents')!r}, 'a').write(f'{{os.getppid()}} ')\nlook(order, files)"
    async with Forks(forking(program), idle=0.0) as forks:
        for _ in range(2):
            assert (await look_with(forks, tmp_path, {"trades": trades_csv()})).failed is None
            parent = int((tmp_path / "parents").read_text().split()[-1])
            await eventually(lambda parent=parent: not alive(parent), parent)
    first, second = (tmp_path / "parents").read_text().split()
    assert first != second


def test_a_fork_that_ends_as_the_daemon_gives_it_up_harms_no_other() -> None:
    """Both are news of the same round."""
    program = """
import select, socket
from huracan_spool.inspection.template import Template
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
conversation, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
template = Template(theirs, lambda order: None, lambda order, files: None)
socket.send_fds(ours, [b"{}"], [end.fileno(), 1, 2])
template._take_order()
[fork] = template._forks.values()
select.select([fork.pidfd], [], [])
conversation.shutdown(socket.SHUT_WR)
for key, _ in template._selector.select():
    key.data()
print(template._forks, conversation.recv(16))
"""
    assert python(program) == "{} b'0'\n"


async def test_what_a_fork_left_behind_ends_with_it(tmp_path: Path) -> None:
    program = f"""
import os, time
child = os.fork()
if child == 0:
    os.close(1)
    os.close(2)
    time.sleep(600)
open({str(tmp_path / "left")!r}, "w").write(str(child))
look(order, files)
"""
    async with Forks(forking(program)) as forks:
        assert (await look_with(forks, tmp_path, {"trades": trades_csv()})).failed is None
        left = int((tmp_path / "left").read_text())
        await eventually(lambda: not alive(left), left)


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
