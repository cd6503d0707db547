"""What to do about each answer of Dropbox that is not a success: tables, from its tags to our errors.

An answer's tags are its nested `.tag` values: `{".tag": "path", "path": {".tag": "disallowed_name"}}` has
`("path", "disallowed_name")`. A tag that is in no table is `TryAgain`: Dropbox adds tags without notice, and
a run that waits costs nothing, where one put into quarantine waits for a person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from huracan_spool.errors import NeedsPerson, Refused, StoreError, TryAgain, Unknown, Unreachable


class SessionGone(StoreError):
    """The upload session can't be used any more: start the file over in a new one."""


class SessionClosed(StoreError):
    """The session is sealed. As the answer to a repeated closing append: the bytes had arrived."""


class WrongOffset(StoreError):
    """The session holds another number of bytes than the call assumed."""

    def __init__(self, message: str, correct_offset: int) -> None:
        super().__init__(message)
        self.correct_offset = correct_offset


class HashMismatch(StoreError):
    """The bytes that arrived are not the bytes that were hashed; nothing was stored."""


class Conflict(StoreError):
    """Another file with other content has the path; nothing was written."""


class Missing(StoreError):
    """There is no file at the path or id."""


class NotAFile(Missing):
    """A folder is at the path, which is as good as nothing where a file is looked for."""


class TooBig(StoreError):
    """The file is larger than the caller wants to have in memory."""


class RouteMissing(NeedsPerson):
    """The server has no such route."""


class CursorReset(StoreError):
    """The listing changed too much to go on with it: list again from the start."""


@dataclass(frozen=True, slots=True)
class Reaction:
    family: type[StoreError]
    hint: str = ""


def _person(hint: str) -> Reaction:
    return Reaction(NeedsPerson, hint)


_AGAIN = Reaction(TryAgain)
LOG_IN_AGAIN = (
    "huracan-spool auth login (uploads then go on by themselves), "
    "or put a new token into the configuration and reload the daemon"
)
_LOG_IN = _person(LOG_IN_AGAIN)
_NO_SPACE = _person("the Dropbox account is full: free some space or buy more")
_ALLOWANCE = _person("the plan's monthly upload allowance is used up: wait for the 1st or upgrade the plan")
_PERMISSION = _person("the account may not write there: check the sharing of dropbox.app_folder")
_PLAN = _person("the account's plan, its team's administrator or a proxy on the way forbids this call")
_APP = _person(f"check the app's permissions in the Dropbox App Console, then {LOG_IN_AGAIN}")
_NAME = Reaction(Refused, "Dropbox does not take this path")
_IN_THE_WAY = Reaction(Refused, "something else stands where the path leads: move it away, then retry the run")
_TOO_LARGE = Reaction(Refused, "more than Dropbox, or a proxy on the way, takes")

_WRITE = {
    "malformed_path": _NAME,
    "disallowed_name": _NAME,
    "conflict/file": Reaction(Conflict),
    "conflict/folder": _IN_THE_WAY,
    "conflict/file_ancestor": _IN_THE_WAY,
    "conflict/other": _AGAIN,
    "no_write_permission": _PERMISSION,
    "access_restricted": _PERMISSION,
    "team_folder": _PERMISSION,
    "operation_suppressed": _PERMISSION,
    "insufficient_space": _NO_SPACE,
    "team_folder_insufficient_space": _NO_SPACE,
    "member_folder_insufficient_space": _NO_SPACE,
    "upload_traffic_limit_reached": _ALLOWANCE,
    "too_many_write_operations": _AGAIN,
    "other": _AGAIN,
}

_LOOKUP = {
    "malformed_path": _NAME,
    "not_found": Reaction(Missing),
    "not_file": Reaction(NotAFile),
    "not_folder": Reaction(TryAgain, "a file stands where a folder should be: move it away"),
    "restricted_content": _PERMISSION,
    "unsupported_content_type": Reaction(Refused),
    "locked": Reaction(TryAgain, "somebody has locked the file in Dropbox"),
    "other": _AGAIN,
}

# Most of these can only come from a mistake of ours; a fresh session is the cure for all of them.
_SESSION = {
    "not_found": Reaction(SessionGone),
    "incorrect_offset": Reaction(WrongOffset),
    "closed": Reaction(SessionClosed),
    "not_closed": Reaction(SessionGone),
    "concurrent_session_invalid_offset": Reaction(SessionGone),
    "concurrent_session_invalid_data_size": Reaction(SessionGone),
    "concurrent_session_data_not_allowed": Reaction(SessionGone),
    "concurrent_session_close_not_allowed": Reaction(SessionGone),
    "concurrent_session_not_closed": Reaction(SessionGone),
    "concurrent_session_missing_data": Reaction(SessionGone),
    "length_mismatch": Reaction(SessionGone),
    "content_hash_mismatch": Reaction(HashMismatch),
    "too_large": _TOO_LARGE,
    "payload_too_large": _TOO_LARGE,
    "other": _AGAIN,
}

_RELOCATION = {
    "cant_copy_shared_folder": _PERMISSION,
    "cant_nest_shared_folder": _PERMISSION,
    "cant_move_shared_folder": _PERMISSION,
    "cant_move_folder_into_itself": Reaction(Refused),
    "cant_move_into_vault": _PERMISSION,
    "cant_move_into_family": _PERMISSION,
    "cant_transfer_ownership": _PERMISSION,
    "too_many_files": Reaction(Refused),
    # A move by id to where the file is already: another host, or a lost reply, was quicker.
    "duplicated_or_nested_paths": Reaction(Unknown),
    "insufficient_quota": _NO_SPACE,
    "team_folder_insufficient_quota": _NO_SPACE,
    "member_folder_insufficient_quota": _NO_SPACE,
    "too_many_write_operations": _AGAIN,
    # "verify whether it worked" is Dropbox's own advice for both of these
    "internal_error": Reaction(Unknown),
    "invalid_async_job_id": Reaction(Unknown),
}


def _under(tag: str, table: Mapping[str, Reaction]) -> dict[str, Reaction]:
    return {f"{tag}/{rest}": reaction for rest, reaction in table.items()}


_RELOCATION_IN_FULL = {
    **_RELOCATION,
    **_under("from_lookup", _LOOKUP),
    **_under("from_write", _WRITE),
    **_under("to", _WRITE),
    "other": _AGAIN,
}

BY_TAG: dict[str, Reaction] = {
    **_SESSION,
    **_under("lookup_failed", _SESSION),
    # finish puts a WriteError under `path`, listing and download a LookupError; their tags don't clash
    **_under("path", {**_LOOKUP, **_WRITE}),
    **_RELOCATION_IN_FULL,
    **_under("relocation_error", _RELOCATION_IN_FULL),
    "reset": Reaction(CursorReset),
    "template_error": _AGAIN,  # about a part of the call that is never sent
    "unsupported_file": Reaction(Refused),
    # The file *is* saved in this case, says the API's own text.
    "properties_error": Reaction(Unknown),
    "too_many_shared_folder_targets": _PERMISSION,
    "encryption_not_supported": _PERMISSION,
    # 401
    "expired_access_token": _LOG_IN,
    "invalid_access_token": _LOG_IN,
    "missing_scope": _APP,
    "user_suspended": _person("the Dropbox account is suspended"),
    "route_access_denied": _APP,
    "invalid_select_user": _APP,
    "invalid_select_admin": _APP,
    # 403
    "invalid_account_type": _PLAN,
    "invalid_account_type/feature": _ALLOWANCE,
    "paper_access_denied": _PLAN,
    "team_access_denied": _PLAN,
    "no_permission": _PERMISSION,
    # 429
    "too_many_requests": _AGAIN,
}

# For answers without tags, and for tags that nobody has heard of.
BY_STATUS: dict[int, Reaction] = {
    # Redirects are never followed: only a portal that wants a log-in sends them.
    **dict.fromkeys((301, 302, 303, 307, 308, 511), Reaction(Unreachable, "does this network want a log-in?")),
    400: Reaction(Refused),
    403: _PLAN,
    404: Reaction(RouteMissing, "check dropbox.api_url and dropbox.content_url"),
    407: Reaction(Unreachable, "the proxy wants a log-in: check HTTPS_PROXY"),
    413: _TOO_LARGE,
    422: _person("the account's root folder is not what it was"),
}

# A 400 is a sentence. One that names a part of the call is about our input, and may quote it, so words are
# only looked for in the others, which are about the app or its token.
_ABOUT_INPUT = re.compile(r'request body|HTTP header "(?!Authorization)|URL parameter')
_ABOUT_TOKEN = re.compile(r'access token|HTTP header "Authorization"|authorization value', re.IGNORECASE)
_ABOUT_APP = re.compile(r"required scope|your app|this app|not permitted|app key", re.IGNORECASE)
_SCOPE = re.compile(r"scope '([a-z_.]{1,60})'")


def reaction_to(status: int, tags: Sequence[str]) -> Reaction:
    """The reaction to the longest listed beginning of `tags`, else to the status, else try again."""
    # An explicit `other` says nothing that the status does not say.
    for end in range(len(tags), 0, -1) if tags != ("other",) else ():
        if (found := BY_TAG.get("/".join(tags[:end]))) is not None:
            return found
    return BY_STATUS.get(status, _AGAIN)


def reaction_to_bad_input(text: str) -> Reaction:
    """The reaction to a 400's text. Markup or nothing is no answer of Dropbox's, so it refuses nothing."""
    if not text.strip() or text.lstrip().startswith("<"):
        return Reaction(TryAgain, "the answer is not Dropbox's own: is there a proxy on the way?")
    if _ABOUT_INPUT.search(text):
        return BY_STATUS[400]
    if _ABOUT_TOKEN.search(text):
        return _LOG_IN
    if _ABOUT_APP.search(text):
        scope = _SCOPE.search(text)
        return missing_scope(scope.group(1)) if scope else _APP
    return BY_STATUS[400]


def missing_scope(scope: str) -> Reaction:
    return _person(f"enable the scope {scope} in the Dropbox App Console, then {LOG_IN_AGAIN}")
