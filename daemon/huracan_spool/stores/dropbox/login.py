"""Logging in from a terminal: a page to open, a code to paste back, a refresh token that lasts.

PKCE without a redirect (RFC 7636): the code alone is of no use to whoever reads it over a shoulder, because the
verifier that goes with it never leaves this process but to the token endpoint.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlencode

from huracan_spool.activity import UNHEARD
from huracan_spool.errors import NeedsPerson
from huracan_spool.stores.dropbox.auth import refresh_token_in
from huracan_spool.stores.dropbox.calls import token_poster
from huracan_spool.stores.dropbox.pacing import Bandwidth, CallRate
from huracan_spool.stores.dropbox.transport import Transport, TransportOptions

NEEDED = ("files.content.write", "files.content.read", "files.metadata.read")
WISHED = "account_info.read"


@dataclass(frozen=True, slots=True)
class Invitation:
    """The page where a person grants access, and the secret that makes the code good here only."""

    url: str
    app_key: str
    verifier: str = field(repr=False)


def invitation(app_key: str, authorize_url: str) -> Invitation:
    verifier = secrets.token_urlsafe(64)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = {
        "client_id": app_key,
        "response_type": "code",
        "token_access_type": "offline",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return Invitation(f"{authorize_url}?{urlencode(query)}", app_key, verifier)


async def redeem(options: TransportOptions, invited: Invitation, code: str) -> str:
    """The refresh token for a code. Raises `NeedsPerson` for a code that is no good, `TryAgain` for the rest."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": invited.app_key,
        "code_verifier": invited.verifier,
    }
    async with Transport(options, Bandwidth(None)) as transport:
        reply = await token_poster(transport, CallRate(1), UNHEARD)(form)
    try:
        return refresh_token_in(reply)
    except NeedsPerson as error:
        hint = "a code is good once, for a few minutes, and for the page it came from: begin again"
        raise NeedsPerson(str(error), hint=hint) from error
