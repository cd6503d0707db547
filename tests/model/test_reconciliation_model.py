"""The protocol explored: nothing wrong in any state; and wrong protocols are found out."""

from __future__ import annotations

import model_variants as variants
import pytest
from explore import explore, story
from model_hosts import Protocol
from model_scenarios import LATE, THREE_HOSTS, TWO_HOSTS, Scenario
from model_verdict import ABANDONED, ENDLESS, ENDLESS_ALONE, LOST, MIXED, NOT_WHOLE, STUCK

TWO = {scenario.name: scenario for scenario in TWO_HOSTS}
THREE = {scenario.name: scenario for scenario in THREE_HOSTS}
LATE_COMMITS = {scenario.name: scenario for scenario in LATE}

# Reasons for surplus copies of a run's content although nobody crashed: places that want the same content and
# hosts that see each other's gifts too late.
SHARING = {"metrics of A are features of B", "each one's metrics are the other's features"}

LARGE = {"each one's metrics are the other's features"}  # `explore.py` does all of it in ten seconds


def flaws(scenario: Scenario, faults: int, protocol: Protocol) -> set[str]:
    return set(explore(scenario, faults, protocol)[1].flaws)


@pytest.mark.parametrize("scenario", TWO_HOSTS, ids=lambda scenario: scenario.name)
def test_two_hosts_always_end_alike_whatever_crashes_and_replies_lost(scenario: Scenario) -> None:
    graph, verdict = explore(scenario, faults=2 if scenario.name in LARGE else 4)
    assert {what: list(story(graph, number)) for what, number in verdict.flaws.items()} == {}
    assert not any("beside" in leftover for leftover in verdict.leftovers)
    assert verdict.steps_alone <= 15
    assert verdict.steps_together <= 49


@pytest.mark.parametrize("scenario", TWO_HOSTS, ids=lambda scenario: scenario.name)
def test_nothing_surplus_is_left_when_a_host_remembers_that_it_had_begun(scenario: Scenario) -> None:
    _, verdict = explore(scenario, faults=4, protocol=Protocol(restart_looks=True))
    assert verdict.flaws == {}
    assert verdict.leftovers == {} or scenario.name in SHARING


@pytest.mark.parametrize(
    ("name", "faults"),
    [
        ("same features", 1),
        ("one run on three hosts", 6),
        ("one run on two hosts", 0),
        ("other kinds", 0),
    ],
)
def test_three_hosts_always_end_alike(name: str, faults: int) -> None:
    graph, verdict = explore(THREE[name], faults)
    assert {what: list(story(graph, number)) for what, number in verdict.flaws.items()} == {}
    assert verdict.steps_alone <= 14


def test_what_everybody_leaves_depends_on_the_runs_only() -> None:
    graph, verdict = explore(TWO["stranger's record"], faults=0)
    (folder,) = verdict.end_folders
    assert graph.world.folders.files(folder) == {
        "features/features.json": "B-features",
        "metrics/training_metrics.json": "B-metrics",
        "model/model_metadata.json": "B-record",
        "superseded/20251112_010000-aaaaaaaa/metrics/training_metrics.json": "A-metrics",
        "superseded/20251112_010000-aaaaaaaa/model/model_metadata.json": "A-record",
        "superseded/unknown-foreign/model/model_metadata.json": "foreign",
    }


def test_strangers_need_no_patience_for_a_right_end() -> None:
    """It only spares moves to and fro while a run is about to announce itself."""
    assert flaws(TWO["stranger's candles"], 4, Protocol(impatient=True)) == set()


def test_the_limit_a_commit_that_takes_effect_after_its_sender_has_settled() -> None:
    """Nothing is lost and every run is whole, but a file may lie beside a run that has none of its kind."""
    assert flaws(LATE_COMMITS["late commit, other kinds"], 0, Protocol()) == {MIXED}
    assert flaws(LATE_COMMITS["late commit, same kinds"], 0, Protocol()) == set()


def test_the_limit_a_host_that_dies_for_good_while_it_waits_for_content_that_others_share() -> None:
    """A third host, without that content itself, can't tell which of two runs had it."""
    assert flaws(THREE["features that the third lacks"], 0, Protocol()) == {ABANDONED}


def test_a_commit_without_conflict_is_no_proof_even_if_nobody_can_come_between_its_entries() -> None:
    """What it took for its own, equal content of another run, is on its way to that run's place."""
    at_once = Protocol(commit_settles=True, commits_at_once=True, restart_looks=True)
    assert flaws(THREE["features that the third lacks"], 0, at_once) == {NOT_WHOLE, ABANDONED}


@pytest.mark.parametrize(
    ("protocol", "name", "found"),
    [
        (Protocol(commit_settles=True), "other kinds", {NOT_WHOLE, MIXED, ABANDONED}),
        (Protocol(acting_settles=True), "all different", {NOT_WHOLE, MIXED, ABANDONED}),
        (Protocol(remembers_runs=True), "all different", {NOT_WHOLE, MIXED, ABANDONED, ENDLESS}),
        (Protocol(moves_overwrite=True), "all different", {LOST}),
        (Protocol(planner=variants.unannounced), "all different", {ENDLESS}),
        (Protocol(planner=variants.robbing), "same features", {ENDLESS}),
        (Protocol(planner=variants.circling), "all different", {STUCK, ENDLESS_ALONE}),
        (Protocol(planner=variants.own_record_counts), "one run on two hosts", {MIXED, ENDLESS}),
        (Protocol(planner=variants.latest_is_ours), "all different", {NOT_WHOLE, MIXED, ABANDONED, ENDLESS}),
    ],
    ids=(
        "a commit settles",
        "acting settles",
        "the runs of the first look count",
        "moves overwrite",
        "nobody announces itself",
        "own places are robbed for others",
        "nothing leaves a circle",
        "one's own record counts",
        "one's own run is the latest",
    ),
)
def test_a_wrong_protocol_is_found_out(protocol: Protocol, name: str, found: set[str]) -> None:
    assert found <= flaws(TWO[name], 0, protocol)
