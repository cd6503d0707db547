"""What the contract promises of a world in which nothing is left to do."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from expected_tree import RECORD, Facts, Seen, differences
from promises import Watch, failed_folders, hosts_of, trees
from submissions import Submission
from world import HOSTS, World

from support.hosts import KEEP_MODELS


def halves(submissions: Sequence[Submission]) -> list[Facts]:
    """Runs that may have got half-way into the store: nobody brings them there any more."""
    done = {each.facts.digest for each in submissions if each.confirmed}
    given_up = {each.facts.digest: each.facts for each in submissions if each.is_good}
    return [facts for digest, facts in given_up.items() if digest not in done]


def recorded(tree: Mapping[str, Seen]) -> set[str]:
    """The digests that the records in a tree tell of."""
    found = set()
    for path, seen in tree.items():
        if path.endswith(RECORD):
            with suppress(ValueError):
                found.add(json.loads(seen.read())["digest"])
    return found


def of_hosts(submissions: Sequence[Submission], hosts: Sequence[int]) -> list[Submission]:
    return [each for each in submissions if each.host in hosts]


def unrest(world: World, watch: Watch, submissions: Sequence[Submission]) -> Iterator[str]:
    """What is wrong when nothing is pending any more."""
    for number, tree in enumerate(trees(world)):
        here = of_hosts(submissions, hosts_of(world, number))
        done = {each.facts.digest: each.facts for each in here if each.confirmed}
        yield from differences(tree, list(done.values()), halves(here), recorded(tree), watch.strangers)
    for each in submissions:
        if each.is_live:
            yield from _unsettled(world, watch, each)
    for number in range(HOSTS):
        yield from _left_over(world, watch, number, of_hosts(submissions, [number]))


def _unsettled(world: World, watch: Watch, each: Submission) -> Iterator[str]:
    for folder in failed_folders(world.spool(each.host)):
        if watch.failed_in(each.host, folder) is each:
            if not folder.is_finished:
                yield f"the quarantine of {each} is not finished"
            if not each.moved <= folder.names:
                yield f"{each}: not in failed/: {each.moved - folder.names}"
            return
    yield f"{each} is neither uploaded nor failed"


def _left_over(world: World, watch: Watch, number: int, submissions: Sequence[Submission]) -> Iterator[str]:
    """In the spool there is nothing but what producers left there; of kept models no more than were asked for."""
    theirs = {path.name for path, _ in watch.orphans}
    for each in submissions:
        theirs |= each.borrowed if each.is_live or each.given_up else set()
        theirs |= each.files.keys() if each.given_up else each.files.keys() - each.moved if each.is_live else set()
    for name in world.stations[number].site.in_spool() - theirs:
        yield f"left in the spool of host {number}: {name}"
    for name in os.listdir(world.spool(number) / "receipts"):
        if name.startswith(".") and name != ".lock":
            yield f"left among the receipts of host {number}: {name}"
    kept = Counter(name.split("/")[0] for name in world.stations[number].site.kept_models())
    yield from (f"{count} models kept of {symbol}" for symbol, count in kept.items() if count > KEEP_MODELS)
