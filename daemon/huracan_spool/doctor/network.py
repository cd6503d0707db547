"""Checks of the way to Dropbox: names, proxy, TLS, clock."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Self
from urllib.parse import urlsplit

from huracan_spool.doctor.finding import FAIL, OK, WARN, CantLook, Finding, Host, needed
from huracan_spool.settings import Settings

_PATIENCE = 10.0
_SKEW_WARN, _SKEW_FAIL = 30.0, 300.0
_CLOCK = "timedatectl set-ntp true"


@dataclass(frozen=True, slots=True)
class _Place:
    host: str
    port: int
    secure: bool

    @classmethod
    def of(cls, url: str) -> Self:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        secure = parts.scheme == "https"
        return cls(parts.hostname or "", parts.port or (443 if secure else 80), secure)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def _places(settings: Settings) -> list[_Place]:
    urls = (settings.dropbox.api_url, settings.dropbox.content_url, settings.dropbox.oauth_url)
    return list(dict.fromkeys(map(_Place.of, urls)))


def _proxy_to(place: _Place) -> _Place | None:
    """As the daemon decides it; a proxy's password is dropped here."""
    found = urllib.request.getproxies().get("https")
    if not place.secure or not found or urllib.request.proxy_bypass(place.host):
        return None
    return _Place.of(found)


def proxy(host: Host) -> Iterator[Finding]:
    places = _places(needed(host))
    proxies = {found for place in places if (found := _proxy_to(place)) is not None}
    for each in proxies:
        try:
            socket.create_connection((each.host, each.port), _PATIENCE).close()
        except OSError as error:
            yield Finding(FAIL, f"the proxy {each} can't be reached: {error}", "env | grep -i _proxy")
        else:
            yield Finding(OK, f"Dropbox is reached through the proxy {each}")
    if proxies:
        return
    variables = urllib.request.getproxies()
    if variables.get("http") and "https" not in variables:
        says = "http_proxy is set and https_proxy is not: Dropbox is reached without a proxy"
        yield Finding(WARN, says, "env | grep -i _proxy")
        return
    yield Finding(OK, "no proxy")


def names(host: Host) -> Iterator[Finding]:
    for place in _places(needed(host)):
        if (through := _proxy_to(place)) is not None:
            yield Finding(OK, f"{place.host} is resolved by the proxy {through}")
            continue
        try:
            found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
        except OSError as error:
            yield Finding(FAIL, f"{place.host} has no address: {error}", f"getent ahosts {place.host}")
        else:
            yield Finding(OK, f"{place.host} is {found[0][4][0]}")


def tls(host: Host) -> Iterator[Finding]:
    settings = needed(host)
    for place in _places(settings):
        if place.secure:
            yield _handshake(settings, place)
        else:
            yield Finding(OK, f"{place}: plain http on this host itself")


def _handshake(settings: Settings, place: _Place) -> Finding:
    look = f"openssl s_client -connect {place} -servername {place.host} </dev/null"
    try:
        connection = _connection(settings, place)
        connection.connect()
    except ssl.SSLCertVerificationError as error:
        authority = settings.dropbox.ca_file or "the system's certificates"
        return Finding(FAIL, f"{place}: {error.verify_message} (by {authority}; see dropbox.ca_file)", look)
    except (OSError, http.client.HTTPException) as error:
        return Finding(FAIL, f"{place} can't be reached: {error}", look)
    connection.close()
    return Finding(OK, f"{place} is trusted")


def clock(host: Host) -> Iterator[Finding]:
    """Against the Date of an answer: with a clock that is wrong by much, certificates and tokens are too."""
    settings = needed(host)
    place = _Place.of(settings.dropbox.api_url)
    try:
        connection = _connection(settings, place)
        connection.request("POST", "/2/check/user", body="null", headers={"Content-Type": "application/json"})
        date = connection.getresponse().headers.get("Date")
        connection.close()
        skew = time.time() - parsedate_to_datetime(date or "").timestamp()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CantLook(f"no time from {place}: {error}") from error
    says = f"this host's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} {place.host}'s"
    if abs(skew) > _SKEW_FAIL:
        yield Finding(FAIL, says, _CLOCK)
    elif abs(skew) > _SKEW_WARN:
        yield Finding(WARN, says, _CLOCK)
    else:
        yield Finding(OK, says)


def _connection(settings: Settings, place: _Place) -> http.client.HTTPConnection:
    """Raises `OSError` for a ca_file that can't be used."""
    if not place.secure:
        return http.client.HTTPConnection(place.host, place.port, timeout=_PATIENCE)
    authority = settings.dropbox.ca_file
    context = ssl.create_default_context(cafile=str(authority) if authority else None)
    through = _proxy_to(place)
    near = through or place
    connection = http.client.HTTPSConnection(near.host, near.port, timeout=_PATIENCE, context=context)
    if through is not None:
        connection.set_tunnel(place.host, place.port)
    return connection
