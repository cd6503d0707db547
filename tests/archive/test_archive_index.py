"""The index is the store: whatever others do there, in whatever order it is told."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from kept_runs import Kept, KeptInDropbox

from huracan_spool.archive.archive import Archive
from huracan_spool.archive.index import Choice, Index
from huracan_spool.archive.reader import Page, StoredFile
from huracan_spool.manifest import Kind
from support.planting import Planted


def some_run(rng: random.Random) -> Planted:
    return Planted(
        symbol=rng.choice(("SOL/USDT", "BTC/USDT")),
        trained_at=f"2025-11-{rng.randint(12, 14)}T0{rng.randint(0, 3)}:00:00Z",
        files={Kind.TRADES: f"a\n{rng.randrange(5)}\n".encode()},
        superseded=rng.random() < 0.5,
    )


def shown(archive: Archive, folder: str = "") -> dict[str, str]:
    return {file.path: file.version for file in archive._index.files_in(folder or "models/")}


def there(kept: KeptInDropbox) -> dict[str, str]:
    below = "/Huracan/models/"
    return {
        path.removeprefix("/Huracan/"): view.content_hash
        for path, view in kept.emulator.tree().items()
        if path.startswith(below)
    }


@pytest.mark.parametrize("seed", range(12))
def test_after_any_changes_it_has_what_is_there(
    seed: int, in_dropbox: KeptInDropbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, planted = random.Random(seed), list[Planted]()
    with in_dropbox.open(monkeypatch) as archive:
        for _ in range(rng.randint(3, 8)):
            for _ in range(rng.randint(0, 5)):
                match rng.randrange(4):
                    case 0 | 1:
                        run = some_run(rng)
                        if run.folder not in [each.folder for each in planted]:
                            planted.append(run)
                            in_dropbox.plant(run)
                    case 2 if planted:
                        in_dropbox.remove(planted.pop(rng.randrange(len(planted))).folder)
                        planted = [each for each in planted if _is_there(in_dropbox, each)]
                    case 3 if planted:
                        run = rng.choice(planted)
                        in_dropbox.put(run.folder + "features/features.json", rng.randbytes(5))
            archive.refresh()
            assert shown(archive) == there(in_dropbox)
            assert set(archive.runs()["folder"]) == {run.folder for run in planted}


def _is_there(kept: KeptInDropbox, run: Planted) -> bool:
    """A day's folder goes with the superseded runs in it."""
    return any(path.startswith(f"/Huracan/{run.folder}") for path in kept.emulator.tree())


def test_names_are_compared_as_dropbox_does_and_shown_as_the_daemon_spells_them(
    in_dropbox: KeptInDropbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Planted(files={Kind.CANDLES: b"c"})
    for path, data in run.tree().items():
        in_dropbox.put(path.lower(), data)
    with in_dropbox.open(monkeypatch) as archive:
        assert list(archive.runs()["folder"]) == [run.folder]
        assert set(archive.run("SOL/USDT", "2025-11-12").files) == {Kind.METRICS, Kind.CANDLES}
        in_dropbox.remove("MODELS/training/2025-11-12/Sol-Usdt")
        archive.refresh()
        assert archive.runs().is_empty()


def test_a_whole_listing_takes_away_what_none_of_its_pages_named(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite")
    first, second = (StoredFile(f"models/x{number}", "v", 1, 0, "id") for number in (1, 2))
    index.begin_anew()
    index.take(Page([first, second], "1", has_more=False))
    index.caught_up("2025-11-12T00:00:00Z")
    index.begin_anew()
    index.take(Page([second], "2", has_more=True))
    assert len(index) == 2  # until it has ended
    index.take(Page([], "3", has_more=False))
    index.caught_up("2025-11-12T00:00:01Z")

    assert (index.files_in("models/"), index.cursor) == ([second], "3")
    index.close()


def test_an_index_of_another_version_is_begun_anew(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite")
    index.begin_anew()
    index.take(Page([StoredFile("models/x", "v", 1, 0, "id")], "1", has_more=False))
    index.caught_up("2025-11-12T00:00:00Z")
    index._database.execute("UPDATE facts SET value = '0' WHERE name = 'schema'")
    born = index.born
    index.close()
    index = Index(tmp_path / "index.sqlite")

    assert (len(index), index.cursor, index.complete) == (0, None, False)
    assert index.born != born
    assert index.runs(Choice()) == []
    index.close()


def index_of(kept: Kept) -> Path:
    return next((kept.home / "cache").rglob("index.sqlite"))


def test_what_is_no_database_any_more_is_begun_anew(kept: Kept) -> None:
    kept.plant(Planted())
    before = kept.command("runs").out
    index_of(kept).write_bytes(random.Random(1).randbytes(8192))

    again = kept.command("runs")

    assert (again.code, again.out, again.err) == (0, before, "")


def test_damage_that_shows_later_is_told_with_what_to_do(kept: Kept) -> None:
    kept.plant(Planted())
    kept.command("runs")
    with index_of(kept).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 40)

    done = kept.command("runs")

    assert (done.code, done.out) == (75, "")
    assert f"remove {index_of(kept)}" in done.err
    index_of(kept).unlink()
    assert kept.command("runs").code == 0
