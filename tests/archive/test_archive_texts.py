"""Texts of a metrics file that are JSON and still no text."""

from __future__ import annotations

from kept_runs import Kept

from huracan_spool.archive.archive import Archive
from huracan_spool.manifest import Kind
from support.planting import Planted


def test_half_a_surrogate_pair_in_one_run_hides_no_other(archive: Archive, kept: Kept) -> None:
    strange = rb'{"\ud800": "\udfff", "sharpe_ratio": 1.0, "nested": {"\udc00": ["\ud800"]}}'
    kept.plant(
        Planted(trained_at="2025-11-11T16:49:20Z", metrics=None, files={Kind.METRICS: strange}),
        Planted(trained_at="2025-11-12T16:49:20Z", metrics={"sharpe_ratio": 2.0}),
    )

    runs = archive.runs()

    assert runs["sharpe_ratio"].to_list() == [1.0, 2.0]
    assert runs["?"].to_list() == ["?", None]
    assert runs["nested.?"].to_list() == ['["\\ud800"]', None]
