"""What the rules of the machine draw from, and the count of what they did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import rule
from submissions import MOMENTS, SAMPLES, SYMBOLS, Draft
from world import HOSTS

from support.spoilings import TOKEN, spoilings

T = TypeVar("T")

KINDS = ("model", "metrics", "features", "trades", "candles")
ROUTES = (
    TOKEN,
    "files/upload_session/start_batch",
    "files/upload_session/append_batch",
    "files/upload_session/append_v2",
    "files/upload_session/finish_batch_v2",
    "files/list_folder",
    "files/get_metadata",
    "files/download",
    "files/move_batch_v2",
    "files/move_batch/check_v2",
    "files/copy_batch_v2",
    "files/copy_batch/check_v2",
)
SPOILINGS = tuple((route, spoiling) for route in ROUTES for spoiling in spoilings(route))

# What was done in all examples of this process, by rule.
DONE: Counter[str] = Counter()

hosts = st.integers(0, HOSTS - 1)
seldom = st.sampled_from([False] * 4 + [True])
drafts = st.builds(
    Draft,
    st.sampled_from(SYMBOLS),
    st.sampled_from(MOMENTS),
    st.dictionaries(st.sampled_from(KINDS), st.integers(0, SAMPLES - 1), min_size=1),
)


def act(**strategies: Any) -> Callable[[Callable[..., Any]], Any]:
    """A rule that is counted."""

    def decorate(method: Callable[..., Any]) -> Any:
        @wraps(method)
        def counted(self: Any, **arguments: Any) -> Any:
            DONE[method.__name__] += 1
            return method(self, **arguments)

        return rule(**strategies)(counted)  # type: ignore[no-untyped-call]

    return decorate


def among(those: Sequence[T], number: int) -> list[T]:
    """One of them, if there are any. What there is may depend on threads, so no precondition does."""
    return [those[number % len(those)]] if those else []
