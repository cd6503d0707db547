"""The plan for a day's folder, rule by rule."""

from __future__ import annotations

from collections.abc import Collection

from huracan_spool import layout
from huracan_spool.record import KnownRun, RunKey
from huracan_spool.stores.reconcile import Add, Move, Plan, Present, places, plan

RECORD = layout.RECORD_PLACE
METRICS = "metrics/training_metrics.json"
FEATURES = "features/features.json"


def a_run(name: str, hour: int, **contents: str) -> KnownRun:
    """Contents are called after the run unless given."""
    wants = {RECORD: f"{name}-record", METRICS: f"{name}-metrics", FEATURES: f"{name}-features"}
    given = {"record": RECORD, "metrics": METRICS, "features": FEATURES}
    wants |= {given[kind]: content for kind, content in contents.items()}
    return KnownRun(RunKey(f"20251112_{hour:02}0000", name.lower() * 64), wants)


A, B = a_run("A", 1), a_run("B", 2)
OLD_A, OLD_B = "superseded/20251112_010000-aaaaaaaa/", "superseded/20251112_020000-bbbbbbbb/"


def folder(*files: dict[str, str]) -> list[Present]:
    return [Present(path, f"id of {path}", content) for tree in files for path, content in tree.items()]


def at(prefix: str, run: KnownRun) -> dict[str, str]:
    return {prefix + place: content for place, content in run.wants.items()}


def move(source: str, target: str) -> Move:
    return Move(f"id of {source}", source, target)


def planned(
    there: list[Present], recorded: Collection[KnownRun], ours: KnownRun, patience_over: Collection[str] = ()
) -> Plan:
    return plan(there, recorded, ours, patience_over)


def test_a_run_comes_in_one_commit_its_record_first_where_there_is_nothing_else() -> None:
    adds = tuple(Add(content_hash, place) for place, content_hash in A.wants.items())

    assert adds[0] == Add("A-record", RECORD)
    assert planned([], [], A) == Plan(superseded=False, adds=adds)


def test_a_run_announces_itself_in_its_superseded_folder_when_another_record_is_in_place() -> None:
    found = planned(folder(at("", A)), [A], B)
    assert found == Plan(superseded=False, adds=(Add("B-record", OLD_B + RECORD),))


def test_an_earlier_run_announces_itself_where_it_will_stay() -> None:
    found = planned(folder(at("", B)), [B], A)
    assert found == Plan(superseded=True, adds=(Add("A-record", OLD_A + RECORD),))


def test_a_run_announces_itself_aside_when_its_own_folder_was_tampered_with() -> None:
    there = folder(at("", B), {OLD_A + RECORD: "edited"})
    assert planned(there, [B], A).adds == (Add("A-record", "superseded/unknown-A-record/" + RECORD),)


def test_a_record_where_nobody_looks_for_records_announces_nothing() -> None:
    there = folder(at("", B), {"backup/record.json": "A-record"})
    assert planned(there, [B], A).adds == (Add("A-record", OLD_A + RECORD),)


def test_what_is_missing_is_added() -> None:
    found = planned(folder({RECORD: "A-record"}), [A], A)
    assert found == Plan(superseded=False, adds=(Add("A-metrics", METRICS), Add("A-features", FEATURES)))


def test_a_complete_latest_run_is_settled() -> None:
    assert planned(folder(at("", A)), [A], A) == Plan(superseded=False, settled=True)


def test_a_complete_superseded_run_is_settled() -> None:
    assert planned(folder(at("", B), at(OLD_A, A)), [A, B], A) == Plan(superseded=True, settled=True)


def test_an_earlier_run_makes_room_for_the_latest() -> None:
    found = planned(folder(at("", A), {OLD_B + RECORD: "B-record"}), [A, B], B)
    assert found == Plan(
        superseded=False,
        moves=(
            move(RECORD, OLD_A + RECORD),
            move(METRICS, OLD_A + METRICS),
            move(FEATURES, OLD_A + FEATURES),
            move(OLD_B + RECORD, RECORD),
        ),
        adds=(Add("B-metrics", METRICS), Add("B-features", FEATURES)),
    )


def test_runs_of_one_second_are_ordered_by_digest() -> None:
    later = a_run("C", 1)
    assert planned(folder(at("", later), at(OLD_A, A)), [A, later], A) == Plan(superseded=True, settled=True)


def test_the_listing_s_order_does_not_matter() -> None:
    there = folder(at("", A), {OLD_B + RECORD: "B-record"})
    assert planned(there[::-1], [B, A], B) == planned(there, [A, B], B)


def test_another_run_s_missing_content_that_we_lack_does_not_keep_us() -> None:
    there = folder(at("", B), {OLD_A + RECORD: "A-record"})
    assert planned(there, [A, B], B) == Plan(superseded=False, settled=True)


def test_another_run_s_missing_content_that_we_have_is_added_for_it() -> None:
    a, b = a_run("A", 1, features="X"), a_run("B", 2, features="X")
    there = folder(at("", b), {OLD_A + RECORD: "A-record", OLD_A + METRICS: "A-metrics"})
    assert planned(there, [a, b], b) == Plan(superseded=False, adds=(Add("X", OLD_A + FEATURES),))


def test_our_own_place_is_not_robbed_for_another_run() -> None:
    """Its host would do the same to us, and both go on for ever."""
    a, b = a_run("A", 1, features="X"), a_run("B", 2, features="X")
    there = folder(at(OLD_A, a), {RECORD: "B-record", METRICS: "B-metrics"})
    assert planned(there, [a, b], a) == Plan(superseded=True, adds=(Add("X", FEATURES),))


def test_a_misplaced_file_goes_to_another_run_first_and_we_add_our_own() -> None:
    a, b = a_run("A", 1, metrics="X"), a_run("B", 2, features="X")
    there = folder({RECORD: "B-record", METRICS: "X", OLD_A + RECORD: "A-record"})
    found = planned(there, [a, b], b)
    assert found.moves == (move(METRICS, OLD_A + METRICS),)
    assert found.adds == (Add("B-metrics", METRICS), Add("X", FEATURES))


def test_of_two_copies_the_one_in_the_way_is_used() -> None:
    there = folder(at("", B), {OLD_A + RECORD: "A-record", OLD_A + FEATURES: "A-features"})
    there = [present for present in there if present.path != METRICS]
    there += folder({METRICS: "A-metrics", "superseded/unknown-A-metric/old": "A-metrics"})
    assert planned(there, [A, B], B).moves == (move(METRICS, OLD_A + METRICS),)


def test_surplus_copies_of_a_run_s_content_are_put_aside_at_once() -> None:
    there = folder({RECORD: "B-record", METRICS: "B-metrics", FEATURES: "A-features"}, at(OLD_A, A))
    b = KnownRun(B.key, {RECORD: "B-record", METRICS: "B-metrics"})
    found = planned(there, [A, b], A)
    assert found == Plan(superseded=True, moves=(move(FEATURES, "superseded/unknown-A-featur/" + FEATURES),))


def test_a_second_copy_of_the_latest_run_below_superseded_is_put_aside() -> None:
    there = folder(at("", A), {OLD_A + RECORD: "A-record"})
    assert planned(there, [A, A], A).moves == (
        move(OLD_A + RECORD, "superseded/unknown-A-record/" + OLD_A + RECORD),
    )


def test_strangers_are_left_where_they_are_while_they_have_time() -> None:
    there = folder(at("", A) | {METRICS: "stranger"})
    found = planned(there, [A], A)
    assert found == Plan(superseded=False, strangers=tuple(folder({METRICS: "stranger"})))


def test_strangers_without_time_make_room() -> None:
    there = folder(at("", A) | {METRICS: "stranger"})
    found = planned(there, [A], A, patience_over=[f"id of {METRICS}"])
    assert found == Plan(
        superseded=False,
        moves=(move(METRICS, "superseded/unknown-stranger/" + METRICS),),
        adds=(Add("A-metrics", METRICS),),
    )


def test_a_stranger_that_comes_again_finds_another_place_aside() -> None:
    aside = "superseded/unknown-stranger/"
    there = folder(at("", A) | {METRICS: "stranger", aside + METRICS: "stranger"})
    found = planned(there, [A], A, patience_over=[f"id of {METRICS}"])
    assert found.moves == (move(METRICS, f"{aside}2/{METRICS}"),)


def test_a_foreign_record_is_a_stranger() -> None:
    there = folder(at("", A) | {RECORD: "foreign"}, {OLD_A + RECORD: "A-record"})
    assert planned(there, [A], A) == Plan(superseded=False, strangers=tuple(folder({RECORD: "foreign"})))


def test_files_elsewhere_are_nobody_s_business() -> None:
    there = folder(at("", A), {"notes.txt": "a person's", "superseded/unknown-12345678/x": "aside"})
    assert planned(there, [A], A) == Plan(superseded=False, settled=True)


def test_files_that_wait_for_each_other_s_places_are_led_out_of_the_circle() -> None:
    there = folder({RECORD: "A-record", METRICS: "A-features", FEATURES: "A-metrics"})
    found = planned(there, [A], A)
    aside = "superseded/unknown-A-metric/" + FEATURES
    assert found == Plan(superseded=False, moves=(move(FEATURES, aside), move(METRICS, FEATURES)))
    then = folder({RECORD: "A-record", aside: "A-metrics", FEATURES: "A-features"})
    assert planned(then, [A], A) == Plan(superseded=False, moves=(move(aside, METRICS),))


def test_the_way_out_of_a_circle_avoids_what_an_earlier_one_left() -> None:
    aside = "superseded/unknown-A-metric/"
    there = folder({RECORD: "A-record", METRICS: "A-features", FEATURES: "A-metrics", aside + FEATURES: "other"})
    assert planned(there, [A], A).moves[0] == move(FEATURES, f"{aside}2/{FEATURES}")


def test_of_two_records_for_one_run_the_smaller_counts() -> None:
    again = a_run("A", 1, record="A-second record")
    there = folder(at("", A))
    assert planned(there, [A], again) == Plan(superseded=False, settled=True)
    there += folder({OLD_A + RECORD: "A-second record"})
    aside = move(OLD_A + RECORD, "superseded/unknown-A-second/" + OLD_A + RECORD)
    assert planned(there, [again, A], again) == planned(there, [A, again], A)
    assert planned(there, [A, again], A) == Plan(superseded=False, moves=(aside,))


def test_another_host_s_record_of_our_run_is_never_added_by_us() -> None:
    """We have not got its bytes. It is there, or we would not know of it."""
    again = a_run("A", 1, record="A-second record")
    there = folder({"superseded/unknown-A-record/" + RECORD: "A-record"})
    found = planned(there, [A], again)
    assert found.moves == (move("superseded/unknown-A-record/" + RECORD, RECORD),)
    assert found.adds == (Add("A-metrics", METRICS), Add("A-features", FEATURES))


def test_places_of_the_latest_and_of_the_others() -> None:
    assert places(A, A.key) == at("", A)
    assert places(A, B.key) == at(OLD_A, A)
