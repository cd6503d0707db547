"""Waiting for changes. The cursor is all that is asked for: there is no token, and the host is another."""

from __future__ import annotations

import asyncio
from typing import Any

from dropbox import files

from huracan_spool.emulator.account import Account
from huracan_spool.emulator.endpoint import Call, Endpoint
from huracan_spool.emulator.failures import BadCall


async def wait(account: Account, call: Call) -> None:
    """Until there is news behind the cursor, and no longer than the caller wants, but for the jitter."""
    if _has_news(account, call):
        return
    limit = asyncio.ensure_future(account.options.sleep(call.arg.timeout + account.options.longpoll_jitter))
    news = asyncio.ensure_future(_news(account, call))
    try:
        await asyncio.wait({limit, news}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        limit.cancel()
        news.cancel()


async def _news(account: Account, call: Call) -> None:
    journal = account.tree.journal
    while not _has_news(account, call):
        await journal.grows(len(journal))


def longpoll(account: Account, call: Call) -> Any:
    return files.ListFolderLongpollResult(
        changes=_has_news(account, call), backoff=account.options.longpoll_backoff
    )


def _has_news(account: Account, call: Call) -> bool:
    try:
        return account.listings.has_news(call.arg.cursor)
    except KeyError as error:
        raise BadCall('request body: cursor: Invalid "cursor" parameter') from error


ENDPOINTS = (Endpoint("files", files.ROUTES["list_folder/longpoll"], None, longpoll, wait=wait),)
