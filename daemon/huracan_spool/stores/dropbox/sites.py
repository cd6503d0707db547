"""Where calls go: the base URLs, the proxy on the way, and whom to trust there."""

from __future__ import annotations

import ipaddress
import ssl
import urllib.request
from dataclasses import dataclass, field

from yarl import URL

from huracan_spool.errors import NeedsPerson


@dataclass(frozen=True, slots=True)
class Site:
    """A base URL and the proxy to it; a proxy's URL may hold a password."""

    url: URL
    proxy: URL | None = field(default=None, repr=False)

    @classmethod
    def at(cls, text: str) -> Site:
        """Raises `NeedsPerson` for a URL to which the token would travel in the clear."""
        url = URL(text)
        if url.scheme == "http" and _is_loopback(url.host or ""):
            return cls(url)  # past any proxy, which would see the token
        if url.scheme == "https" and url.host:
            return cls(url, _proxy_for(url))
        raise NeedsPerson(
            f"{url.scheme}://{url.host} can't be used for Dropbox: a token must not travel in the clear",
            hint="use https in dropbox.api_url, content_url and oauth_url; plain http is for loopback only",
        )


def trust(ca_file: str | None) -> ssl.SSLContext:
    """The given certificates, else the system's. Raises `NeedsPerson` when the file can't be used."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one too
        raise NeedsPerson(f"{ca_file} can't be used: {error}", hint="check dropbox.ca_file") from error


def _proxy_for(url: URL) -> URL | None:
    """The environment's proxy.

    Not by aiohttp's `trust_env`: it reads ~/.netrc as well, and a matching line there makes it refuse our
    Authorization header.
    """
    proxy = urllib.request.getproxies().get(url.scheme)
    if proxy is None or urllib.request.proxy_bypass(url.host or ""):
        return None
    return URL(proxy if "://" in proxy else f"http://{proxy}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
