"""The page at /: all of one moment, complete without a script; the script only brings the next moment in."""

from __future__ import annotations

import base64
import hashlib
import socket
from pathlib import Path

from huracan_spool import __version__, words
from huracan_spool.http.chart import throughput
from huracan_spool.http.health import is_ready
from huracan_spool.http.sections import failed, recent, under_way, waiting
from huracan_spool.http.view import Picture
from huracan_spool.markup import Html, joined, tag
from huracan_spool.record import rfc3339_at

_STYLE = Html(Path(__file__).with_name("page.css").read_text())
_SCRIPT = Html(Path(__file__).with_name("page.js").read_text())
_REFRESH = Html('<noscript><meta http-equiv="refresh" content="5"></noscript>')
_RECENT = 15


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# Nothing from elsewhere, and of what is in the page only these two.
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src {_source(_STYLE)}; script-src {_source(_SCRIPT)}; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(picture: Picture) -> str:
    host = socket.gethostname()
    state, tone = _state(picture)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{state} - huracan-spool on {host}"),
        tag("style", _STYLE),
        _REFRESH,
    )
    top = tag(
        "header",
        tag("h1", f"huracan-spool on {host}"),
        tag("span", state, class_=f"state {tone}"),
        id="top",
        data_live=True,
    )
    body = tag("body", top, _stale(), tag("main", *_sections(picture)), _footer(picture), tag("script", _SCRIPT))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _sections(picture: Picture) -> list[Html]:
    activity = picture.activity
    rates = activity.throughput.rates(picture.monotonic)
    speed = activity.speed.at(picture.monotonic, activity.totals.bytes_sent)
    return [
        _banner(picture),
        _facts(picture),
        _live("failed", "Failed, and kept for you", failed(picture.disk.failed, picture.now)),
        _live("under-way", "Under way", under_way(activity.under_way, picture.monotonic)),
        _live("waiting", "Waiting for another try", waiting(picture.disk.waiting, picture.now)),
        _live("throughput", "Throughput", throughput(rates, activity.throughput.width, speed)),
        _live("recent", "Last runs", recent(activity.recent[:_RECENT], picture.now)),
    ]


def _live(name: str, title: str, content: Html | None) -> Html:
    """A section that is hidden while it has nothing to say keeps its place for the script."""
    return tag("section", tag("h2", title), content or "", id=name, data_live=True, hidden=content is None)


def _state(picture: Picture) -> tuple[str, str]:
    """In a word, and how it is meant."""
    standing = picture.standing
    if standing.stopping:
        return "stopping", "warn"
    if standing.paused:
        return "paused", "bad" if standing.paused.needs_person else "warn"
    if not is_ready(picture):
        return ("starting", "warn") if picture.activity.rescan is None else ("in trouble", "bad")
    if picture.activity.under_way:
        return "working", "good"
    return ("waiting", "good") if standing.pending else ("idle", "good")


def _banner(picture: Picture) -> Html:
    paused = picture.standing.paused
    if paused is not None:
        since = f"For {words.duration(paused.seconds)}; next try in {words.duration(paused.next_try)}."
        parts = [
            tag("h2", "Uploads are paused"),
            tag("p", paused.reason),
            tag("p", f"To do: {paused.hint}." if paused.hint else "Nothing to do: it is tried again by itself."),
            tag("p", f"{since} Nothing is lost: runs wait in the spool. To try at once: ", _command(_TRY_NOW)),
        ]
        return _note(parts, "bad" if paused.needs_person else "warn")
    trouble = picture.disk.trouble or picture.activity.rescan_error
    if trouble:
        parts = [
            tag("h2", "The spool can't be read"),
            tag("p", trouble),
            tag("p", "Look at it: ", _command(f"ls -ld {picture.spool}")),
        ]
        return _note(parts, "bad")
    return tag("section", id="banner", data_live=True, hidden=True)


_TRY_NOW = "sudo systemctl kill --signal=USR1 huracan-spool"


def _note(parts: list[Html], tone: str) -> Html:
    return tag("section", *parts, id="banner", data_live=True, class_=f"banner {tone}")


def _facts(picture: Picture) -> Html:
    activity, standing = picture.activity, picture.standing
    oldest = f"oldest {words.duration(picture.oldest_age)}" if standing.pending else ""
    success = activity.last_success
    space = picture.disk.spool_space
    token = picture.disk.store.token_good_for
    facts = [
        ("Pending", words.number(standing.pending), oldest),
        ("Under way", words.number(len(activity.under_way)), ""),
        ("Uploaded", words.number(activity.totals.settled["uploaded"]), "since the start"),
        ("Failed", words.number(len(picture.disk.failed)), "in quarantine"),
        ("Sent", words.size(activity.totals.bytes_sent), f"to {standing.store}"),
        ("Last success", words.ago(picture.now - success) if success is not None else "none", ""),
        (
            "Spool free",
            words.size(space.free) if space else "unknown",
            f"of {words.size(space.size)}" if space else "",
        ),
    ]
    if token is not None:
        facts.append(("Token", words.duration(max(0.0, token)), "then renewed"))
    entries = [tag("div", tag("dt", name), tag("dd", value, tag("small", more))) for name, value, more in facts]
    title = tag("h2", "Now", class_="unseen")
    return tag("section", title, tag("dl", *entries), id="facts", data_live=True, class_="facts")


def _stale() -> Html:
    return tag(
        "p",
        "The daemon does not answer; this is what it said last. ",
        _command("systemctl status huracan-spool"),
        id="stale",
        role="status",
        class_="banner warn",
        hidden=True,
    )


def _footer(picture: Picture) -> Html:
    started = rfc3339_at(picture.activity.started_at)
    links = joined([tag("a", "status", href="/status"), " · ", tag("a", "metrics", href="/metrics")])
    says = f"Version {__version__}, started {started}, spool {picture.spool}, store {picture.store} · "
    return tag("footer", says, links, id="about", data_live=True)


def _command(text: str) -> Html:
    return tag("code", text)
