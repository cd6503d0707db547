"""The log of a bad night, as the person on call needs it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from bad_night import night

from support.logbook import logs_apart
from support.runs import make_run
from support.virtual_time import in_virtual_time

MOST_LINES_OF_A_TROUBLE = 6


def test_the_log_says_what_happened_and_what_to_do_and_repeats_little(tmp_path: Path) -> None:
    with logs_apart():
        log = in_virtual_time(night(tmp_path, hours_down=1))

    loud = [line for line in log if line["level"] != "info"]
    expected = {"uploads_paused", "run_waits", "run_failed", "dropbox_asks_to_wait"}
    assert {line["event"] for line in loud} - {"housekeeping_failed"} == expected
    assert [line for line in loud if not line.get("reason")] == []
    assert [line for line in loud if not line.get("action") and line["event"] != "run_failed"] == []
    assert not [line for line in log if "exc_info" in line]

    said = Counter((line["event"], line.get("run"), line["reason"].split(" (")[0]) for line in loud)
    assert max(said.values()) <= MOST_LINES_OF_A_TROUBLE, said.most_common(3)

    paused = [line for line in log if line["event"] == "uploads_paused"]
    assert paused[0]["action"].startswith("huracan-spool auth login")
    assert [line["event"] for line in log].count("uploads_resumed") == 2, "after the log-in, and with the network"
    full = [line for line in loud if line["event"] == "run_waits" and "full" in line["reason"]]
    assert {line["run"] for line in full} == {make_run(number).name for number in range(60, 63)}
    assert [line for line in full if not line["action"].startswith("free some space on this host")] == []
    assert max(line["retry_in_seconds"] for line in full) > 60, "ever more seldom"
    assert [line["code"] for line in loud if line["event"] == "run_failed"] == ["sha256_mismatch"]

    started = Counter(line["run"] for line in log if line["event"] == "starting_comprehensive_dropbox_upload")
    assert max(started.values()) == 1
