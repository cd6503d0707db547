"""A way that the model found: what comes while a daemon leaves."""

from __future__ import annotations

from pathlib import Path

from doorbell import doorbells
from submissions import LARGE, MOMENTS, Draft, borrowing, submission
from world import Variant, World

from support.logbook import logs_apart


def test_a_file_stays_for_a_run_that_comes_while_the_daemon_drains(tmp_path: Path) -> None:
    """The first run is cleaned up in the last seconds of a daemon that takes up nothing new."""
    lender = submission(0, Draft("SOL/USDT", MOMENTS[0], {"model": LARGE, "metrics": 0}).run("lender"), 0)
    borrower = borrowing(lender, Draft("BTC/USDT", MOMENTS[1], {"features": 1}).run("borrower"), "metrics", 1)
    with logs_apart(), doorbells(), World(tmp_path, Variant(far=True)) as world:
        world.hand_over(lender, told=True)
        world.passes(0.2)
        world.hand_over(borrower, told=False)
        world.rings(borrower, after=0.1)
        world.stop(0)

        site = world.stations[0].site
        assert site.receipt("lender")["status"] == "uploaded"
        assert site.in_spool() == {"borrower.manifest.json", "borrower_features.json", "lender_metrics.json"}

        assert world.settle(patience=60.0) == {}
        assert site.receipt("borrower")["status"] == "uploaded"
        assert site.in_spool() == set()
