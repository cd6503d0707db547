"""The archive that is planted for readers is what the daemon would have left."""

from __future__ import annotations

import hashlib
import json

from huracan_spool.content_hash import content_hash
from huracan_spool.emulator import Emulator
from huracan_spool.record import parse_record
from support.planted_archive import years_of_runs

RECORD = "/model/model_metadata.json"


async def test_every_run_is_complete_and_its_record_true(emulator: Emulator) -> None:
    emulator.plant(years_of_runs(25, symbols=10))

    tree = {path: file.read() for path, file in emulator.tree().items()}
    days = {path.removesuffix(RECORD) for path in tree if path.endswith(RECORD)}
    assert (len(days), len(tree)) == (25, 25 * 7)
    for day in days:
        *_, date, symbol = day.split("/")
        data = tree[day + RECORD]
        known, record = parse_record(data, content_hash(data), symbol, date), json.loads(data)
        assert known is not None
        assert len(known.wants) == 6
        assert {place: content_hash(tree[f"{day}/{place}"]) for place in known.wants} == known.wants
        for facts in record["artifacts"].values():
            file = tree[f"{day}/{facts['path']}"]
            assert (facts["size"], facts["sha256"]) == (len(file), hashlib.sha256(file).hexdigest())


async def test_candles_have_a_shared_copy(emulator: Emulator) -> None:
    emulator.plant(years_of_runs(3, symbols=2))

    tree = emulator.tree()
    own = {path.rpartition("/")[2]: file.content_hash for path, file in tree.items() if "/training/" in path}
    shared = {path: file.content_hash for path, file in tree.items() if path.startswith("/Huracan/data/candles/")}
    assert len(shared) == 3
    assert all(own[path.rpartition("/")[2]] == known for path, known in shared.items())
