"""A soak of some seconds, so that the program does not rot, and books that are known to see what is wrong."""

from __future__ import annotations

from pathlib import Path

from huracan_spool.emulator import Emulator
from soak import Soak


async def test_a_short_soak_finds_nothing_and_would_have_found_it(tmp_path: Path, dropbox: Emulator) -> None:
    soak = Soak(tmp_path, dropbox, seconds=20, seed=1, runs_per_second=2, pause=1)

    assert await soak.run() == []
    assert soak.done["kill"] > 0
    assert soak.done["spoil"] > 0
    assert all(books.trainings and books.shell.submitted for books in soak.books)

    expected = _spoil(soak, dropbox)
    found = await soak.judge()
    missed = [text for text in expected if not any(text in problem for problem in found)]
    assert missed == [], found
    assert len(found) == len(expected), found


def _spoil(soak: Soak, dropbox: Emulator) -> list[str]:
    """Everything that may not happen, once; and how the books call it."""
    books = soak.books[0]
    site, run = books.site, books.trainings[0]["run"]
    model = next(path for path in dropbox.tree() if path.endswith("/model.bin") and "/unknown-" not in path)
    kept = next(iter(site.kept_models()))
    bad = site.spool / "failed" / "nobody-knows"

    dropbox.put(model, b"another model")
    dropbox.put("/Huracan/surprise.txt", b"surprise")
    (site.spool / "orphan.pt").write_bytes(b"orphan")
    (site.spool / "receipts" / f"{run}.json").unlink()
    (site.state / "models" / kept).unlink()
    bad.mkdir()
    (bad / "reason.json").write_text('{"code": "too_big"}')
    (site.state / "note").write_text(f"token {dropbox.refresh_token}")
    return [
        f"other content: {model}",
        f"overwritten or deleted: Write(route='put', path='{model}'",
        "nobody wants this: /Huracan/surprise.txt",
        "still in the spool: orphan.pt",
        f"no receipt: {run}",
        f"not kept: {kept}",
        "failed: nobody-knows too_big",
        "a secret in state/note",
    ]
