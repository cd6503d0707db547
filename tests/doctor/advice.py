"""What the `doctor` fixture gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

Advice = dict[str, list[tuple[str, str, str]]]
Doctor = Callable[..., Awaitable[tuple[int, Advice]]]
