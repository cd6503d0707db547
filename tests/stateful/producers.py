"""Those who hand runs over to both hosts, and what they know of them."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from submissions import MANIFEST, Draft, Submission, borrowing, submission
from world import World, remove


class Producers:
    """`submissions` are all that were ever handed over, in their order."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.submissions: list[Submission] = []

    def publish(self, host: int, draft: Draft, name: str | None = None, *, told: bool) -> Submission:
        """A new run; its name is taken already if it is given."""
        return self.hand_over(
            submission(host, draft.run(name or self.fresh_name()), len(self.submissions)), told=told
        )

    def publish_twin(self, of: Submission, host: int, *, told: bool) -> Submission:
        """The same run under a name of its own."""
        new = submission(host, of.run.renamed(self.fresh_name()), len(self.submissions))
        return self.hand_over(new, told=told)

    def publish_borrower(self, of: Submission, draft: Draft, kind: str) -> Submission:
        """A run that names the other's own file, as long as it is there; else a run like any other.

        The daemon is told of both: it can't know what a manifest names that it has not seen.
        """
        if kind not in of.run.contents or not self.waits(of) or of.borrowed:
            return self.publish(of.host, draft, told=True)
        new = borrowing(of, draft.run(self.fresh_name()), kind, len(self.submissions))
        self.hand_over(new, told=False)
        self._world.rings(of, new)
        return new

    def close(self, host: int, symbol: str, trained_at: datetime) -> None:
        """One more run of that day, so that somebody has to do with its folder, and leaves it in order."""
        moment = trained_at.replace(hour=0, minute=0, second=0) + timedelta(seconds=1)
        self.publish(host, Draft(symbol, moment, {"metrics": 0}), told=True)

    def withdraw(self, of: Submission, *, files_too: bool) -> None:
        if not self.waits(of):
            return
        of.given_up = True
        lent = {name for other in self.submissions for name in other.borrowed}
        remove(self._world.spool(of.host), [of.name + MANIFEST])
        if files_too:
            remove(self._world.spool(of.host), of.files.keys() - lent)

    def hand_over(self, new: Submission, *, told: bool) -> Submission:
        """Who replaces a file of a run that waits takes that run back, or breaks its promise to it."""
        for other in self.submissions:
            if other is not new and other.host == new.host and self._would_lose(other, new):
                other.given_up = True
        self._world.hand_over(new, told=told)
        if new not in self.submissions:
            self.submissions.append(new)
        return new

    def waits(self, of: Submission) -> bool:
        """Whether it is pending, with all its files, and its manifest is its own."""
        spool = self._world.spool(of.host)
        with suppress(FileNotFoundError):
            return all((spool / name).read_bytes() == data for name, data in of.all_files.items())
        return False

    def fresh_name(self) -> str:
        return f"run{len(self.submissions)}"

    def _would_lose(self, other: Submission, new: Submission) -> bool:
        spool = self._world.spool(new.host)
        for name in new.all_files:
            if name in other.borrowed:
                return True
            there = (spool / name).read_bytes() if (spool / name).is_file() else None
            if there is not None and other.all_files.get(name) == there:
                return True
        return False
