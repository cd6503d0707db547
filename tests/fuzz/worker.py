"""Looks at one damaged file after the other, under the limits of an inspection.

`python worker.py SEED FIRST COUNT`. Says on stdout what it begins: whoever started it knows what it died of.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys

from fuzz import corpus, mutations
from huracan_spool.inspection.child import load_checks, look
from huracan_spool.inspection.report import Report
from huracan_spool.inspection.window import Window
from huracan_spool.manifest import Kind

MEMORY = 256 * 1024 * 1024
SECONDS = 10


def main() -> None:
    seed, first, count = (int(argument) for argument in sys.argv[1:])
    checks = load_checks(list(Kind))
    corpus.good_files()
    file = os.memfd_create("case")
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in range(first, first + count):
        kind, _, content = mutations.damaged(random.Random(f"{seed}:{number}"))
        os.ftruncate(file, 0)
        os.pwrite(file, content, 0)
        tell({"begins": number})
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        tell({"ends": number} | judged(kind, file, len(content), checks))
    signal.setitimer(signal.ITIMER_REAL, 0)


def judged(kind: Kind, file: int, size: int, checks: dict) -> dict[str, object]:
    """`verdict`, or `problem` when there is no usable one."""
    try:
        report = look({kind: Window(file, size)}, {kind: checks[kind]})
        again = Report.from_json(json.loads(json.dumps(report.to_json())))
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        return {"problem": f"{type(error).__name__}: {error}"[:200], "kind": kind}
    if again != report:
        return {"problem": "the verdict changes on its way", "kind": kind}
    return {"verdict": [finding.code for finding in report.findings], "kind": kind}


def tell(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
