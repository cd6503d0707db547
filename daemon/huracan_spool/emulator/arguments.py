"""From the parts of a request to a decoded argument. Everything wrong on the way is a `BadCall`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dropbox import common, stone_serializers, stone_validators

from huracan_spool.emulator.account import NAMESPACE
from huracan_spool.emulator.endpoint import Endpoint
from huracan_spool.emulator.failures import BadCall, PathRootFailure

ARG_HEADER = "Dropbox-API-Arg"
IN_HEADER = f'HTTP header "{ARG_HEADER}"'
IN_URL = 'URL parameter "arg"'
IN_BODY = "request body"

CORS_HACK = "text/plain; charset=dropbox-cors-hack"
RPC_TYPES = ("application/json", "application/json; charset=utf-8", CORS_HACK)
UPLOAD_TYPES = ("application/octet-stream", CORS_HACK)
SELECTORS = ("Dropbox-API-Select-User", "Dropbox-API-Select-Admin")


def bearer(headers: Mapping[str, str]) -> str:
    value = headers.get("Authorization")
    if value is None:
        raise BadCall('Must provide HTTP header "Authorization" or URL parameter "authorization".')
    kind, _, token = value.partition(" ")
    if kind != "Bearer" or not token:
        raise BadCall(f'Invalid authorization value in HTTP header "Authorization": {kind!r}. Expecting Bearer.')
    return token


def refuse_authorisation(headers: Mapping[str, str]) -> None:
    """Whether Dropbox minds a token on a route that takes none is not known; this is the stricter reading."""
    if "Authorization" in headers:
        raise BadCall('HTTP header "Authorization": this function takes no authorization')


def check_selectors(headers: Mapping[str, str]) -> None:
    """A user's token selects nobody, and this account has one namespace. Raises `PathRootFailure` too."""
    for name in SELECTORS:
        if name in headers:
            raise BadCall(f'HTTP header "{name}": not allowed with the token of a user')
    path_root = headers.get("Dropbox-API-Path-Root")
    if path_root is not None:
        _check_path_root(path_root)


def check_content_type(
    endpoint: Endpoint, headers: Mapping[str, str], body_bytes: int | None, *, lenient_download: bool
) -> None:
    given = headers.get("Content-Type", "")
    if endpoint.style == "download":
        if given and not lenient_download:
            raise BadCall(f'Bad HTTP "Content-Type" header: "{given}". Expecting none.')
        return
    if endpoint.style == "rpc" and not given and body_bytes == 0 and is_void(endpoint):
        return
    accepted = UPLOAD_TYPES if endpoint.style == "upload" else RPC_TYPES
    if given.lower() not in accepted:
        choices = ", ".join(f'"{each}"' for each in accepted)
        raise BadCall(f'Bad HTTP "Content-Type" header: "{given}". Expecting one of {choices}.')


def beside_body(raw_headers: Iterable[tuple[bytes, bytes]], query: Sequence[str]) -> tuple[str, str]:
    """The argument of an upload or download, and the part of the request that held it."""
    in_headers = [value for name, value in raw_headers if name.lower() == ARG_HEADER.lower().encode()]
    if len(in_headers) + len(query) != 1:
        raise BadCall(f"Must provide {IN_HEADER} or {IN_URL}, and not both.")
    if query:
        return query[0], IN_URL
    try:
        return in_headers[0].decode("ascii"), IN_HEADER
    except UnicodeDecodeError as error:
        raise BadCall(f"{IN_HEADER}: must be ASCII; escape other characters as \\uXXXX") from error


def in_body(endpoint: Endpoint, body: bytes) -> tuple[str, str]:
    if not body and is_void(endpoint):
        return "null", IN_BODY
    try:
        return body.decode("utf-8"), IN_BODY
    except UnicodeDecodeError as error:
        raise BadCall(f"{IN_BODY}: could not decode input as UTF-8") from error


def decode(endpoint: Endpoint, text: str, part: str) -> Any:
    """A stone value. Unknown fields, missing ones, patterns and ranges are all refused."""
    try:
        return stone_serializers.json_decode(endpoint.route.arg_type, text, strict=True)
    except stone_validators.ValidationError as error:
        raise BadCall(f"{part}: {error}") from error
    except RecursionError as error:
        raise BadCall(f"{part}: could not decode input as JSON") from error


def is_void(endpoint: Endpoint) -> bool:
    return isinstance(endpoint.route.arg_type, stone_validators.Void)


def _check_path_root(text: str) -> None:
    try:
        root = stone_serializers.json_decode(common.PathRoot_validator, text, strict=True)
    except stone_validators.ValidationError as error:
        raise BadCall(f'HTTP header "Dropbox-API-Path-Root": {error}') from error
    if root.is_home():
        return
    namespace = root.get_root() if root.is_root() else root.get_namespace_id()
    if namespace != NAMESPACE:
        info = common.UserRootInfo(root_namespace_id=NAMESPACE, home_namespace_id=NAMESPACE)
        raise PathRootFailure(common.PathRootError.invalid_root(info))
