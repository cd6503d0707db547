"""One day's folder in the store, as states of a graph: what is at which path, and how that may change.

States, paths and contents are interned to small numbers, so that the explorer compares and hashes integers.
A file's present path stands for its id: nothing is ever deleted, so each file has one path and each path one
file at any moment, and whoever holds an id is told where the file went (`model_hosts.follow`).
"""

from __future__ import annotations

from functools import cache

from huracan_spool.stores.reconcile import Present

Files = tuple[tuple[int, int], ...]  # (path, content), sorted


class Names:
    """Strings as small numbers."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        if text not in self._numbers:
            self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return self._numbers[text]


class Folders:
    """Every state of the folder met so far. With `overwriting`, moves replace what is at their target."""

    def __init__(self, *, overwriting: bool = False) -> None:
        self.paths = Names()
        self.contents = Names()
        self._overwriting = overwriting
        self._states: list[Files] = []
        self._numbers: dict[Files, int] = {}
        self.add = cache(self._add)
        self.move = cache(self._move)

    def state(self, files: dict[str, str]) -> int:
        pairs = ((self.paths.number(path), self.contents.number(content)) for path, content in files.items())
        return self._intern(tuple(sorted(pairs)))

    def files(self, state: int) -> dict[str, str]:
        texts = self.paths.texts, self.contents.texts
        return dict(sorted((texts[0][path], texts[1][content]) for path, content in self._states[state]))

    def listing(self, state: int) -> list[Present]:
        return [Present(path, f"id:{path}", content) for path, content in self.files(state).items()]

    def lost(self, before: int, after: int) -> bool:
        """True if content that was there `before` is gone."""
        left = [content for _, content in self._states[after]]
        for _, content in self._states[before]:
            if content not in left:
                return True
            left.remove(content)
        return False

    def _add(self, state: int, content: int, path: int) -> tuple[int, bool]:
        """The state that follows, and whether the store agreed: it does when it has this content there."""
        there = dict(self._states[state])
        if path in there:
            return state, there[path] == content
        return self._intern(tuple(sorted(((path, content), *self._states[state])))), True

    def _move(self, state: int, source: int, target: int) -> int | None:
        """The state that follows; None if the store refuses because something is at the target."""
        there = dict(self._states[state])
        if target in there and not (self._overwriting and target != source):
            return None
        there[target] = there.pop(source)
        return self._intern(tuple(sorted(there.items())))

    def _intern(self, files: Files) -> int:
        if files not in self._numbers:
            self._numbers[files] = len(self._states)
            self._states.append(files)
        return self._numbers[files]
