"""What happens to daemons, network and account in years, in an hour. Which, and when, the seed says."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

Act = tuple[int, Callable[[], Awaitable[None]]]


async def reign(
    acts: Sequence[Act], rng: random.Random, pause: float, over: asyncio.Event, done: Counter[str]
) -> None:
    """One act after the other, `pause` seconds apart on average; each comes with its weight."""
    while not over.is_set():
        await asyncio.sleep(rng.expovariate(1 / pause))
        [act] = rng.choices([act for _, act in acts], [weight for weight, _ in acts])
        done[act.__name__] += 1
        await act()
