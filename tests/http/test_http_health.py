"""When the daemon is ready, and what it says when it is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from huracan_spool.activity import Activity
from huracan_spool.http.health import checks, is_ready
from huracan_spool.http.page import page
from huracan_spool.http.view import OnDisk, Picture
from huracan_spool.standing import Paused, Standing, StoreFacts

STANDING = Standing("dropbox", pending=0, oldest_published=None, delayed=0, stopping=False, paused=None)
PAUSED = Paused("401 expired", "put in a new token", needs_person=True, seconds=90.0, next_try=30.0)


@pytest.fixture
def healthy() -> Picture:
    activity = Activity(lambda: 50.0, lambda: 2000.0)
    activity.rescanned(0.1)
    return Picture(2000.0, 50.0, "/spool", "dropbox", STANDING, activity, OnDisk((), (), None, StoreFacts(), None))


def troubles(picture: Picture) -> dict[str, str | None]:
    return {check.name: check.trouble for check in checks(picture)}


def test_all_is_well(healthy: Picture) -> None:
    assert is_ready(healthy)
    assert ">idle<" in page(healthy)


def test_before_the_first_look_is_done_it_is_not_ready(healthy: Picture) -> None:
    healthy.activity.rescan = None
    assert troubles(healthy)["spool"] == "the first look at it is still going on"
    assert ">starting<" in page(healthy)


def test_a_look_that_fails_is_trouble_until_one_succeeds(healthy: Picture) -> None:
    healthy.activity.rescan_failed("Input/output error")
    assert troubles(healthy)["spool"] == "/spool can't be read: Input/output error"
    assert ">in trouble<" in page(healthy)
    assert "ls -ld /spool" in page(healthy)
    healthy.activity.rescanned(0.1)
    assert is_ready(healthy)


def test_a_spool_that_is_not_there_is_trouble(healthy: Picture) -> None:
    gone = replace(healthy, disk=replace(healthy.disk, trouble="No such file or directory"))
    assert not is_ready(gone)
    assert "The spool can&#x27;t be read" in page(gone)


def test_a_pause_is_trouble_with_what_to_do(healthy: Picture) -> None:
    paused = replace(healthy, standing=replace(STANDING, paused=PAUSED))
    assert troubles(paused)["store"] == "401 expired; put in a new token"
    assert ">paused<" in page(paused)


def test_who_stops_is_not_ready(healthy: Picture) -> None:
    assert troubles(replace(healthy, standing=replace(STANDING, stopping=True)))["daemon"] == "it is stopping"


def test_a_clock_that_was_set_back_makes_no_negative_age(healthy: Picture) -> None:
    assert replace(healthy, standing=replace(STANDING, pending=1, oldest_published=9e9)).oldest_age == 0.0
