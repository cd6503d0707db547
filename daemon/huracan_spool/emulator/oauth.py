"""The token endpoint, and a page that plays the user's consent."""

from __future__ import annotations

import html
import urllib.parse
from collections.abc import Mapping

from huracan_spool.emulator import replies
from huracan_spool.emulator.account import ACCOUNT_ID, Account
from huracan_spool.emulator.exchange import Exchange
from huracan_spool.emulator.grants import GrantRefused, Issued
from huracan_spool.emulator.replies import Reply

FORM_TYPE = "application/x-www-form-urlencoded"
# What Dropbox was seen to declare on a success: a client that insists on JSON's own type fails here.
TOKEN_TYPE = "text/javascript"  # noqa: S105 - a media type


class OAuth:
    def __init__(self, account: Account) -> None:
        self._account = account
        self._grants = account.grants
        self._options = account.options

    async def token(self, exchange: Exchange) -> Reply:
        body = await exchange.read()
        if exchange.request.content_type != FORM_TYPE:
            return _refusal(400, "invalid_request", f"expecting {FORM_TYPE}")
        form = dict(urllib.parse.parse_qsl(body.decode("utf-8", "replace")))
        if form.get("client_id") != self._options.app_key or form.get("client_secret"):
            status = self._options.invalid_client_status
            return _refusal(status, "invalid_client", "Invalid client_id or client_secret")
        try:
            issued = self._granted(form)
        except GrantRefused as refused:
            return _refusal(400, refused.error, str(refused))
        return self._issued(issued, full=form["grant_type"] == "authorization_code")

    async def authorise(self, exchange: Exchange) -> Reply:
        await exchange.drain()
        query = exchange.request.query
        problem = self._problem(query)
        if problem is not None:
            return replies.html(400, html.escape(problem))
        scopes = frozenset(query["scope"].split()) if "scope" in query else self._options.app_scopes
        offline = query.get("token_access_type") == "offline"
        code = self._grants.authorise(query["code_challenge"], scopes, offline=offline)
        if "redirect_uri" not in query:
            return replies.html(200, f'Enter this code: <input id="code" value="{code}">')
        answer = {"code": code} | ({"state": query["state"]} if "state" in query else {})
        target = f"{query['redirect_uri']}?{urllib.parse.urlencode(answer)}"
        return replies.html(302, "Found").with_headers({"Location": target})

    def _granted(self, form: Mapping[str, str]) -> Issued:
        match form.get("grant_type"):
            case "refresh_token":
                scopes = frozenset(form["scope"].split()) if "scope" in form else None
                return self._grants.refresh(form.get("refresh_token", ""), scopes)
            case "authorization_code":
                return self._grants.redeem(form.get("code", ""), form.get("code_verifier", ""))
        raise GrantRefused("unsupported_grant_type", "expecting authorization_code or refresh_token")

    def _issued(self, issued: Issued, *, full: bool) -> Reply:
        """A refresh says less than the first exchange of a code."""
        value: dict[str, object] = {
            "token_type": "bearer",
            "access_token": issued.access_token,
            "expires_in": issued.expires_in,
        }
        if full:
            value |= {"scope": " ".join(sorted(issued.scopes)), "account_id": ACCOUNT_ID, "uid": "1"}
        if issued.refresh_token is not None:
            value["refresh_token"] = issued.refresh_token
        answer = replies.of_json(200, value)
        return Reply(200, TOKEN_TYPE, answer.body)

    def _problem(self, query: Mapping[str, str]) -> str | None:
        if query.get("client_id") != self._options.app_key:
            return "Unknown client_id"
        if query.get("response_type") != "code":
            return "response_type must be code"
        if not query.get("code_challenge") or query.get("code_challenge_method") != "S256":
            return "PKCE with code_challenge_method S256 is needed"
        if not frozenset(query.get("scope", "").split()) <= self._options.app_scopes:
            return "The app may not ask for this scope"
        return None


def _refusal(status: int, error: str, description: str) -> Reply:
    return replies.of_json(status, {"error": error, "error_description": description})
