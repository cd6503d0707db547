from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dropbox import auth, files, stone_validators

from huracan_spool.errors import NeedsPerson, Refused, TryAgain, Unknown, Unreachable
from huracan_spool.stores.dropbox import classify
from huracan_spool.stores.dropbox.classify import (
    Conflict,
    CursorReset,
    HashMismatch,
    Missing,
    NotAFile,
    RouteMissing,
    SessionClosed,
    SessionGone,
    WrongOffset,
)

WRITE = {
    "malformed_path": Refused,
    "conflict/file": Conflict,
    "conflict/folder": Refused,
    "conflict/file_ancestor": Refused,
    "conflict/other": TryAgain,
    "no_write_permission": NeedsPerson,
    "insufficient_space": NeedsPerson,
    "disallowed_name": Refused,
    "team_folder": NeedsPerson,
    "operation_suppressed": NeedsPerson,
    "too_many_write_operations": TryAgain,
    "access_restricted": NeedsPerson,
    "team_folder_insufficient_space": NeedsPerson,
    "member_folder_insufficient_space": NeedsPerson,
    "upload_traffic_limit_reached": NeedsPerson,
    "other": TryAgain,
}
LOOKUP = {
    "malformed_path": Refused,
    "not_found": Missing,
    "not_file": NotAFile,
    "not_folder": TryAgain,
    "restricted_content": NeedsPerson,
    "unsupported_content_type": Refused,
    "locked": TryAgain,
    "other": TryAgain,
}
APPEND = {
    "not_found": SessionGone,
    "incorrect_offset": WrongOffset,
    "closed": SessionClosed,
    "too_large": Refused,
    "concurrent_session_invalid_offset": SessionGone,
    "concurrent_session_invalid_data_size": SessionGone,
    "other": TryAgain,
}
WHOLE_BODY = {"payload_too_large": Refused, "content_hash_mismatch": HashMismatch}
RELOCATION = {
    "cant_copy_shared_folder": NeedsPerson,
    "cant_nest_shared_folder": NeedsPerson,
    "cant_move_folder_into_itself": Refused,
    "too_many_files": Refused,
    "duplicated_or_nested_paths": Unknown,
    "cant_transfer_ownership": NeedsPerson,
    "insufficient_quota": NeedsPerson,
    "internal_error": Unknown,
    "cant_move_shared_folder": NeedsPerson,
    "cant_move_into_vault/is_shared_folder": NeedsPerson,
    "cant_move_into_vault/other": NeedsPerson,
    "cant_move_into_family/is_shared_folder": NeedsPerson,
    "cant_move_into_family/other": NeedsPerson,
    "team_folder_insufficient_quota": NeedsPerson,
    "member_folder_insufficient_quota": NeedsPerson,
    "other": TryAgain,
}


def under(tag: str, table: dict[str, type]) -> dict[str, type]:
    return {f"{tag}/{rest}": family for rest, family in table.items()}


RELOCATION_IN_FULL = RELOCATION | under("from_lookup", LOOKUP) | under("from_write", WRITE) | under("to", WRITE)

UNIONS: dict[str, tuple[Any, int, dict[str, type]]] = {
    "start": (
        files.UploadSessionStartError_validator,
        409,
        WHOLE_BODY
        | {
            "concurrent_session_data_not_allowed": SessionGone,
            "concurrent_session_close_not_allowed": SessionGone,
            "other": TryAgain,
        },
    ),
    "append": (files.UploadSessionAppendError_validator, 409, APPEND | WHOLE_BODY),
    "append batch": (
        files.UploadSessionAppendBatchError_validator,
        409,
        WHOLE_BODY | {"length_mismatch": SessionGone, "other": TryAgain},
    ),
    "append batch entry": (files.UploadSessionAppendBatchEntryError_validator, 409, APPEND),
    "finish entry": (
        files.UploadSessionFinishError_validator,
        409,
        under("lookup_failed", APPEND | {"not_closed": SessionGone, "payload_too_large": Refused})
        | under("path", WRITE)
        | WHOLE_BODY
        | {
            "too_many_shared_folder_targets": NeedsPerson,
            "too_many_write_operations": TryAgain,
            "concurrent_session_data_not_allowed": SessionGone,
            "concurrent_session_not_closed": SessionGone,
            "concurrent_session_missing_data": SessionGone,
            "encryption_not_supported": NeedsPerson,
            "other": TryAgain,
        },
    ),
    "get_metadata": (files.GetMetadataError_validator, 409, under("path", LOOKUP)),
    "list_folder": (files.ListFolderError_validator, 409, under("path", LOOKUP) | {"other": TryAgain}),
    "list_folder/continue": (
        files.ListFolderContinueError_validator,
        409,
        under("path", LOOKUP) | {"reset": CursorReset, "other": TryAgain},
    ),
    "download": (
        files.DownloadError_validator,
        409,
        under("path", LOOKUP) | {"unsupported_file": Refused, "other": TryAgain},
    ),
    "copy": (files.RelocationError_validator, 409, RELOCATION_IN_FULL),
    "move entry": (
        files.RelocationBatchErrorEntry_validator,
        409,
        under("relocation_error", RELOCATION_IN_FULL)
        | {"internal_error": Unknown, "too_many_write_operations": TryAgain, "other": TryAgain},
    ),
    "poll": (
        files.move_batch_check_v2.error_type,
        409,
        {"invalid_async_job_id": Unknown, "internal_error": Unknown, "other": TryAgain},
    ),
    "401": (
        auth.AuthError_validator,
        401,
        {
            "invalid_access_token": NeedsPerson,
            "invalid_select_user": NeedsPerson,
            "invalid_select_admin": NeedsPerson,
            "user_suspended": NeedsPerson,
            "expired_access_token": NeedsPerson,
            "missing_scope": NeedsPerson,
            "route_access_denied": NeedsPerson,
            "other": TryAgain,
        },
    ),
    "403": (
        auth.AccessError_validator,
        403,
        {
            "invalid_account_type/endpoint": NeedsPerson,
            "invalid_account_type/feature": NeedsPerson,
            "invalid_account_type/other": NeedsPerson,
            "paper_access_denied/paper_disabled": NeedsPerson,
            "paper_access_denied/not_paper_user": NeedsPerson,
            "paper_access_denied/other": NeedsPerson,
            "team_access_denied": NeedsPerson,
            "no_permission/unauthorized_account_id_usage": NeedsPerson,
            "no_permission/other": NeedsPerson,
            "other": NeedsPerson,
        },
    ),
    "429": (
        auth.RateLimitReason_validator,
        429,
        {"too_many_requests": TryAgain, "too_many_write_operations": TryAgain, "other": TryAgain},
    ),
}

CASES = [
    pytest.param(status, path, family, id=f"{union}: {path}")
    for union, (_, status, table) in UNIONS.items()
    for path, family in table.items()
]


@pytest.mark.parametrize(("status", "path", "family"), CASES)
def test_every_tag_has_its_family(status, path, family):
    assert classify.reaction_to(status, tuple(path.split("/"))).family is family


def tag_paths(validator: Any) -> Iterator[str]:
    """Every path of tags that a union of the SDK can have."""
    if isinstance(validator, stone_validators.Nullable):
        validator = validator.validator
    if not isinstance(validator, stone_validators.Union):
        yield ""
        return
    for tag, member in validator.definition._tagmap.items():
        yield from (f"{tag}/{rest}".rstrip("/") for rest in tag_paths(member))


@pytest.mark.parametrize("union", UNIONS)
def test_no_tag_that_the_sdk_knows_is_left_to_the_default(union):
    validator, _, table = UNIONS[union]
    unmapped = {
        path
        for path in tag_paths(validator)
        # Property groups and templates are never sent, so their errors are one each.
        if not path.startswith(("properties_error", "template_error"))
    }

    assert unmapped == set(table)


@pytest.mark.parametrize(
    "tags",
    [
        (),
        ("brand_new",),
        ("path", "brand_new"),
        ("path", "conflict", "brand_new"),
        ("lookup_failed", "brand_new"),
    ],
)
def test_an_unknown_tag_is_tried_again(tags):
    assert classify.reaction_to(409, tags).family is TryAgain


def test_properties_error_means_that_the_file_may_be_there():
    assert classify.reaction_to(409, ("properties_error", "path", "other")).family is Unknown


@pytest.mark.parametrize(
    ("status", "family"),
    [
        (302, Unreachable),
        (403, NeedsPerson),
        (404, RouteMissing),
        (407, Unreachable),
        (413, Refused),
        (418, TryAgain),
        (422, NeedsPerson),
        (429, TryAgain),
        (500, TryAgain),
        (503, TryAgain),
        (511, Unreachable),
    ],
)
def test_an_answer_without_tags_is_judged_by_its_status(status, family):
    assert classify.reaction_to(status, ()).family is family


@pytest.mark.parametrize("reaction", [r for r in classify.BY_TAG.values() if r.family is NeedsPerson])
def test_whatever_needs_a_person_says_what_to_do(reaction):
    assert reaction.hint


BAD_INPUT = [
    ('Error in call to API function "files/x": request body: path: did not match pattern', Refused, ""),
    ('Error in call to API function "files/x": HTTP header "Dropbox-API-Arg": bad', Refused, ""),
    ('Error in call to API function "files/x": Bad HTTP "Content-Type" header', Refused, ""),
    (
        'Error in call to API function "files/x": request body: path: "/your app/access token" is bad',
        Refused,
        "",
    ),
    ("The given OAuth 2 access token is malformed.", NeedsPerson, "new token"),
    ('Invalid authorization value in HTTP header "Authorization": "Bearer x"', NeedsPerson, "new token"),
    (
        "Your app (ID: 1) is not permitted: it does not have the required scope 'files.content.write'.",
        NeedsPerson,
        "enable the scope files.content.write",
    ),
    ("This app is currently disabled.", NeedsPerson, "App Console"),
    ("<html><h1>400 Bad Request</h1></html>", TryAgain, "proxy"),
    ("", TryAgain, "proxy"),
]


@pytest.mark.parametrize(("text", "family", "hint"), BAD_INPUT)
def test_the_text_of_a_400_tells_our_input_from_our_token_and_from_a_proxy(text, family, hint):
    reaction = classify.reaction_to_bad_input(text)

    assert reaction.family is family
    assert hint in reaction.hint
