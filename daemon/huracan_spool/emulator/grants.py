"""Who may call: access tokens, refresh tokens, authorisation codes. No I/O."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field

from dropbox import auth

from huracan_spool.emulator.failures import AuthFailure, BadCall
from huracan_spool.emulator.options import EmulatorOptions

WELL_FORMED_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class GrantRefused(Exception):
    """`error` is the OAuth word for the reason, the message a description."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


@dataclass(eq=False)
class Authorisation:
    """One consent of the user. `refreshable` is what the tests switch off and on."""

    scopes: frozenset[str]
    refresh_token: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    alive: bool = True
    refreshable: bool = True


@dataclass
class AccessToken:
    """`expires` is None for a token that was handed over at start."""

    authorisation: Authorisation
    scopes: frozenset[str]
    expires: float | None


@dataclass(frozen=True)
class _Code:
    challenge: str
    authorisation: Authorisation
    offline: bool


@dataclass(frozen=True)
class Issued:
    access_token: str
    scopes: frozenset[str]
    expires_in: int
    refresh_token: str | None


class Grants:
    def __init__(self, options: EmulatorOptions) -> None:
        self._options = options
        self._first = Authorisation(options.app_scopes)
        self._authorisations = [self._first]
        self._codes: dict[str, _Code] = {}
        self._tokens: dict[str, AccessToken] = {}
        self.access_token = options.token or new_token()
        self._tokens[self.access_token] = AccessToken(self._first, options.app_scopes, None)

    @property
    def refresh_token(self) -> str:
        return self._first.refresh_token

    def issue(self, scopes: frozenset[str] | None = None, expires_in: float | None = None) -> str:
        """A further access token of the first authorisation."""
        lifetime = self._options.token_lifetime if expires_in is None else expires_in
        return self._new_token(self._first, scopes or self._options.app_scopes, lifetime)

    def expire_all(self) -> None:
        for token in self._tokens.values():
            token.expires = 0.0

    def set_refreshable(self, *, refreshable: bool) -> None:
        """Access tokens given out before are left alone."""
        self._first.refreshable = refreshable

    def revoke_with(self, token: str) -> None:
        self._tokens[token].authorisation.alive = False

    def check(self, token: str, scope: str | None) -> None:
        """Raises `AuthFailure`, or `BadCall` when the app itself lacks the scope or the token is no token."""
        if WELL_FORMED_TOKEN.fullmatch(token) is None and self._options.malformed_token_status == 400:
            raise BadCall("The given OAuth 2 access token is malformed.")
        known = self._tokens.get(token)
        if known is None or not known.authorisation.alive:
            raise AuthFailure(auth.AuthError.invalid_access_token)
        if known.expires is not None and known.expires <= self._options.clock():
            raise AuthFailure(auth.AuthError.expired_access_token)
        if scope is not None:
            self._check_scope(known, scope)

    def authorise(self, challenge: str, scopes: frozenset[str], *, offline: bool) -> str:
        """The user said yes: a code for the app, good once."""
        authorisation = Authorisation(scopes)
        self._authorisations.append(authorisation)
        code = secrets.token_urlsafe(32)
        self._codes[code] = _Code(challenge, authorisation, offline)
        return code

    def redeem(self, code: str, verifier: str) -> Issued:
        """Raises `GrantRefused`. A wrong verifier uses the code up too."""
        known = self._codes.pop(code, None)
        if known is None:
            raise GrantRefused("invalid_grant", "code doesn't exist or has expired")
        if VERIFIER.fullmatch(verifier) is None or challenge_of(verifier) != known.challenge:
            raise GrantRefused("invalid_grant", "invalid code verifier")
        issued = self._issued(known.authorisation, known.authorisation.scopes)
        refresh_token = known.authorisation.refresh_token if known.offline else None
        return Issued(issued.access_token, issued.scopes, issued.expires_in, refresh_token)

    def refresh(self, refresh_token: str, scopes: frozenset[str] | None) -> Issued:
        """Raises `GrantRefused`. The refresh token stays the same."""
        authorisation = self._refreshable(refresh_token)
        if scopes is not None and not scopes <= authorisation.scopes:
            raise GrantRefused("invalid_scope", "requested scope was never granted")
        return self._issued(authorisation, scopes or authorisation.scopes)

    def _refreshable(self, refresh_token: str) -> Authorisation:
        for authorisation in self._authorisations:
            if authorisation.refresh_token == refresh_token and authorisation.alive:
                if authorisation.refreshable:
                    return authorisation
                raise GrantRefused("invalid_grant", "refresh token is invalid or revoked")
        raise GrantRefused("invalid_grant", "refresh token is malformed")

    def _issued(self, authorisation: Authorisation, scopes: frozenset[str]) -> Issued:
        lifetime = self._options.token_lifetime
        return Issued(self._new_token(authorisation, scopes, lifetime), scopes, lifetime, None)

    def _new_token(self, authorisation: Authorisation, scopes: frozenset[str], lifetime: float) -> str:
        token = new_token()
        self._tokens[token] = AccessToken(authorisation, scopes, self._options.clock() + lifetime)
        return token

    def _check_scope(self, token: AccessToken, scope: str) -> None:
        if scope not in self._options.app_scopes:
            raise BadCall(
                f"Your app (ID: 1) is not permitted to access this endpoint because it does not have the "
                f"required scope '{scope}'."
            )
        if scope not in token.scopes:
            missing = auth.TokenScopeError(required_scope=scope)
            raise AuthFailure(auth.AuthError.missing_scope(missing))


def new_token() -> str:
    return f"sl.u.{secrets.token_urlsafe(60)}"


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
