"""Plans that are wrong in one way each, to see that the explorer finds it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from huracan_spool import layout
from huracan_spool.record import KnownRun
from huracan_spool.stores.reconcile import Add, Move, Plan, Present, places, plan


def unannounced(
    listing: Iterable[Present], recorded: Iterable[KnownRun], ours: KnownRun, patience_over: Collection[str]
) -> Plan:
    """Acts at once, as if its record were there for all to see."""
    listing, recorded = list(listing), list(recorded)
    found = plan(listing, recorded, ours, patience_over)
    if any(run.key == ours.key for run in recorded) or not found.adds:
        return found
    announced = Present(found.adds[0].target, "announced", found.adds[0].content_hash)
    found = plan([*listing, announced], [*recorded, ours], ours, patience_over)
    moves = tuple(move for move in found.moves if move.id != announced.id)
    record = next((move.target for move in found.moves if move.id == announced.id), announced.path)
    return replace(found, settled=False, moves=moves, adds=(Add(announced.content_hash, record), *found.adds))


def robbing(
    listing: Iterable[Present], recorded: Iterable[KnownRun], ours: KnownRun, patience_over: Collection[str]
) -> Plan:
    """Gives another run the copy at its own place, and stores a new one for itself."""
    listing, recorded = list(listing), list(recorded)
    found = plan(listing, recorded, ours, patience_over)
    latest = max(run.key for run in (*recorded, ours))
    own = {p.content_hash: p for p in listing if places(ours, latest).get(p.path) == p.content_hash}
    moves, adds = list(found.moves), list[Add]()
    for add in found.adds:
        mine = own.pop(add.content_hash, None)
        moves += [Move(mine.id, mine.path, add.target)] if mine else []
        adds.append(Add(add.content_hash, mine.path) if mine else add)
    return replace(found, moves=tuple(moves), adds=tuple(adds))


def circling(
    listing: Iterable[Present], recorded: Iterable[KnownRun], ours: KnownRun, patience_over: Collection[str]
) -> Plan:
    """Does not take a file out of a circle, so that files wait for each other's places for ever."""
    found = plan(listing, recorded, ours, patience_over)
    if any(move.target.startswith(layout.UNKNOWN_PREFIX) for move in found.moves):
        return replace(found, moves=(), adds=())
    return found


def own_record_counts(
    listing: Iterable[Present], recorded: Iterable[KnownRun], ours: KnownRun, patience_over: Collection[str]
) -> Plan:
    """Of two records for one run, every host believes its own."""
    others = [run for run in recorded if run.key != ours.key]
    return plan(listing, others, ours, patience_over)


def latest_is_ours(
    listing: Iterable[Present], recorded: Iterable[KnownRun], ours: KnownRun, patience_over: Collection[str]
) -> Plan:
    """Leaves later runs out of account: the last to come is taken for the latest."""
    return plan(listing, [run for run in recorded if run.key <= ours.key], ours, patience_over)
