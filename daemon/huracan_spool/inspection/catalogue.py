"""Everything that an inspection can find: a stable code, how bad it is, what it means.

*Broken*: whoever fetches the file can't read it. *Odd*: it can be read, and a person should know.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Severity = Literal["broken", "odd"]
BROKEN: Severity = "broken"
ODD: Severity = "odd"


class Entry(NamedTuple):
    severity: Severity
    kinds: str
    meaning: str


FINDINGS = {
    # any file
    "empty": Entry(BROKEN, "model, metrics, features, candles", "the file has no bytes"),
    "unreadable": Entry(BROKEN, "all", "its format's reader gives up: truncated, damaged, or another format"),
    "takes_too_much_memory": Entry(BROKEN, "candles, trades, model", "reading it piecewise needs too much memory"),
    "not_checked": Entry(ODD, "metrics, features, trades, model", "too large or unusual to be looked at in full"),
    # tables
    "no_rows": Entry(ODD, "candles, trades", "a table without rows"),
    "missing_column": Entry(ODD, "candles, trades", "a column that the kind should have"),
    "doubled_column": Entry(ODD, "candles, trades", "two columns with one name"),
    "wrong_type": Entry(ODD, "candles, trades, metrics, features", "a value or column of another type"),
    "nulls": Entry(ODD, "candles, trades", "a value that is missing"),
    "not_finite": Entry(ODD, "candles, trades, metrics, features", "NaN or an infinity"),
    "not_positive": Entry(ODD, "candles, trades", "a price of zero or below"),
    # candles
    "not_ascending": Entry(ODD, "candles", "a timestamp before the one above it"),
    "doubled_time": Entry(ODD, "candles", "two candles of one time"),
    "gaps": Entry(ODD, "candles", "more time between two candles than the usual step"),
    "high_below_low": Entry(ODD, "candles", "high is less than low"),
    "outside_range": Entry(ODD, "candles", "open or close is not between low and high"),
    "negative_volume": Entry(ODD, "candles", "a volume below zero"),
    "zero_volume": Entry(ODD, "candles", "a volume of zero"),
    # trades
    "short_line": Entry(ODD, "trades", "fewer values than columns"),
    "unknown_word": Entry(ODD, "trades", "a direction or exit reason that is none of the known ones"),
    "winner_without_profit": Entry(ODD, "trades", "is_winner against the sign of the profit"),
    "exit_before_entry": Entry(ODD, "trades", "the exit lies before the entry"),
    "wrong_duration": Entry(ODD, "trades", "the hold time differs from exit minus entry by over a minute"),
    "other_count": Entry(ODD, "metrics", "total_trades is not the number of trades"),
    "other_win_rate": Entry(ODD, "metrics", "win_rate is not that of the trades"),
    # documents
    "missing_key": Entry(ODD, "metrics, features", "a key that the kind should have"),
    "doubled_key": Entry(ODD, "metrics, features", "a key that stands twice in one object"),
    "not_an_object": Entry(ODD, "metrics, features", "the document is not an object"),
    "out_of_range": Entry(ODD, "metrics, trades", "a fraction that is not between 0 and 1"),
    "other_length": Entry(ODD, "features", "the count is not the number of columns"),
    # models
    "unknown_format": Entry(ODD, "model", "none of PyTorch (zip, legacy), pickle, safetensors"),
    "runs_code": Entry(ODD, "model", "loading it could run code: it names functions that do"),
    "unlisted_globals": Entry(ODD, "model", "loading it imports what is not on the list of plain tensor code"),
    "expands": Entry(ODD, "model", "it unpacks to much more than its size; its checksums were not checked"),
}
