"""The account itself: who it is, how full it is, whether the token works."""

from __future__ import annotations

from typing import Any

from dropbox import auth, check, common, users, users_common

from huracan_spool.emulator.account import ACCOUNT_ID, NAMESPACE, Account
from huracan_spool.emulator.endpoint import Call, Endpoint
from huracan_spool.emulator.writing import DISPLAY_NAME


def get_current_account(account: Account, call: Call) -> Any:  # noqa: ARG001 - every route has this shape
    return users.FullAccount(
        account_id=ACCOUNT_ID,
        name=users.Name(
            given_name=DISPLAY_NAME,
            surname="",
            familiar_name=DISPLAY_NAME,
            display_name=DISPLAY_NAME,
            abbreviated_name="E",
        ),
        email="emulator@example.com",
        email_verified=True,
        disabled=False,
        locale="en",
        referral_link="https://www.dropbox.com/referrals/emulator",
        is_paired=False,
        account_type=users_common.AccountType.basic,
        root_info=common.UserRootInfo(root_namespace_id=NAMESPACE, home_namespace_id=NAMESPACE),
        country="DE",
    )


def get_space_usage(account: Account, call: Call) -> Any:  # noqa: ARG001
    allocation = users.IndividualSpaceAllocation(allocated=account.options.quota_bytes)
    return users.SpaceUsage(used=account.tree.used, allocation=users.SpaceAllocation.individual(allocation))


def check_user(account: Account, call: Call) -> Any:  # noqa: ARG001
    return check.EchoResult(result=call.arg.query)


def revoke_token(account: Account, call: Call) -> None:
    """Takes the refresh token and every other access token of the same authorisation along."""
    account.grants.revoke_with(call.token)


ENDPOINTS = (
    Endpoint("users", users.ROUTES["get_current_account"], "account_info.read", get_current_account),
    Endpoint("users", users.ROUTES["get_space_usage"], "account_info.read", get_space_usage),
    Endpoint("auth", auth.ROUTES["token/revoke"], None, revoke_token),
    Endpoint("check", check.ROUTES["user"], "account_info.read", check_user),
)
