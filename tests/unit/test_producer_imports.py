"""What training loads with this library, told in modules: a time would be another one on every machine."""

from __future__ import annotations

import json
import subprocess
import sys

FACE = {
    "huracan_spool",
    "huracan_spool.producer",
    "huracan_spool.producer.export",
    "huracan_spool.producer.run_writer",
}
# What a run needs besides, and a bare interpreter has not loaded yet.
STANDARD_LIBRARY = sys.stdlib_module_names


def loaded_by(code: str) -> set[str]:
    """The modules that `code` adds to those of a bare interpreter."""
    program = (
        "import sys, json\nbefore = set(sys.modules)\n"
        f"{code}\nprint(json.dumps([name for name in sys.modules if name not in before]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_importing_the_package_loads_nothing() -> None:
    assert loaded_by("import huracan_spool") <= {"huracan_spool", "__future__"}


def test_importing_the_producer_loads_only_its_face() -> None:
    code = "from huracan_spool import RunWriter, export_coin_results"
    assert {name for name in loaded_by(code) if name.startswith("huracan_spool")} == FACE
    assert not loaded_by(code) & {"typing", "dataclasses", "json", "logging", "pathlib", "asyncio", "threading"}


def test_a_run_needs_nothing_but_the_standard_library() -> None:
    code = (
        "import os; os.environ['HURACAN_SPOOL__PATH'] = '/nonexistent'\n"
        "from huracan_spool import RunWriter\n"
        "with RunWriter('SOL/USDT') as run:\n    run.metrics({'win_rate': 0.5})"
    )
    others = {name.split(".")[0] for name in loaded_by(code)} - STANDARD_LIBRARY
    assert others == {"huracan_spool"}


def test_a_run_starts_no_thread_and_loads_no_network() -> None:
    code = (
        "from huracan_spool import RunWriter\nRunWriter('SOL/USDT')\n"
        "import threading\nassert threading.active_count() == 1"
    )
    assert not loaded_by(code) & {"socket", "ssl", "asyncio", "http.client", "subprocess", "concurrent.futures"}


def test_names_that_are_not_exported_are_no_attributes() -> None:
    import huracan_spool  # noqa: PLC0415

    assert {"RunWriter", "Submission", "export_coin_results"} <= set(dir(huracan_spool))
    assert not hasattr(huracan_spool, "nothing")
