"""What inspection means for a run: a broken artifact ends it, an odd one is told of, both are on record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from huracan_spool.codes import Code
from huracan_spool.errors import Rejected
from huracan_spool.inspection.catalogue import BROKEN
from huracan_spool.inspection.forks import Forks
from huracan_spool.inspection.parent import InspectionLimits, inspect
from huracan_spool.inspection.report import Finding, Report
from huracan_spool.spool.opening import OpenRun

MOST_LINES = 5  # of odd findings in the log; the receipt has all


@dataclass(frozen=True, slots=True)
class Inspector:
    """`seconds_for` a run of so many bytes; under `strict` a broken artifact means quarantine."""

    strict: bool
    seconds_for: Callable[[int], float]
    forks: Forks

    async def look_at(self, entry: OpenRun) -> Report:
        files = {kind: file.fd for kind, file in entry.files.items()}
        sizes = {kind: file.identity.size for kind, file in entry.files.items()}
        limits = InspectionLimits(seconds=self.seconds_for(entry.total_bytes))
        return await inspect(self.forks, files, sizes, limits)

    def judge(self, entry: OpenRun, report: Report, *, first_time: bool) -> None:
        """Raises `Rejected` under `strict`; logs what is worth a look, once."""
        if self.strict and report.failed is not None:
            raise Rejected(Code.INSPECTION_FAILED, f"{report.failed}; `huracan-spool inspect` tries it by hand")
        if self.strict and report.broken:
            first = report.broken[0]
            texts = "; ".join(_sentence(entry, finding) for finding in report.broken[:MOST_LINES])
            raise Rejected(Code.BROKEN_ARTIFACT, texts, artifact=first.kind)
        if first_time:
            _tell(entry, report)


def _tell(entry: OpenRun, report: Report) -> None:
    log = structlog.get_logger()
    if report.failed is not None:
        log.warning("inspection_failed", run=entry.run, reason=report.failed, action="uploaded all the same")
    findings = (*report.broken, *report.odd)
    for finding in findings[:MOST_LINES]:
        log.warning(
            "artifact_is_broken" if finding.severity == BROKEN else "artifact_is_odd",
            run=entry.run,
            artifact=str(finding.kind),
            code=finding.code,
            finding=finding.message,
            **({"where": finding.where} if finding.where else {}),
        )
    if len(findings) > MOST_LINES:
        log.warning("more_findings", run=entry.run, count=len(findings) - MOST_LINES, action="see the receipt")


def _sentence(entry: OpenRun, finding: Finding) -> str:
    where = f" ({finding.where})" if finding.where else ""
    return f"{entry.files[finding.kind].name!a}: {finding.message}{where}"
