"""From settings to a connection to Dropbox; commands that only ask and read load no more than this."""

from __future__ import annotations

import random
from contextlib import AbstractAsyncContextManager

from huracan_spool import __version__
from huracan_spool.retry import CallRetry
from huracan_spool.settings import Secret, Settings
from huracan_spool.stores.dropbox.api import DropboxApi, open_dropbox
from huracan_spool.stores.dropbox.auth import Credentials
from huracan_spool.stores.dropbox.pacing import Bandwidth, CallRate
from huracan_spool.stores.dropbox.transport import TransportOptions

# Calls that go out together after a rest: the listing and the files of one run, and then somebody reads it.
_AS_ONE_RUN_NEEDS = 8


def for_a_question(settings: Settings) -> AbstractAsyncContextManager[DropboxApi]:
    """The API for a command that asks something and says so at once when it gets no answer."""
    return open_dropbox(
        transport_options(settings),
        credentials_of(settings),
        rate=CallRate(settings.upload.calls_per_second),
        bandwidth=Bandwidth(None),
        retry=CallRetry(first=0.2, maximum=1.0, attempts=2, rng=random.Random()),  # noqa: S311
    )


def for_reading(settings: Settings) -> AbstractAsyncContextManager[DropboxApi]:
    """The API for those who fetch runs: as patient as the daemon, without its limit of bandwidth for uploads."""
    retry = settings.retry
    return open_dropbox(
        transport_options(settings),
        credentials_of(settings),
        rate=CallRate(settings.upload.calls_per_second, together=_AS_ONE_RUN_NEEDS),
        bandwidth=Bandwidth(None),
        retry=CallRetry(first=retry.call_first, maximum=retry.call_max, rng=random.Random()),  # noqa: S311
    )


def transport_options(settings: Settings) -> TransportOptions:
    dropbox = settings.dropbox
    return TransportOptions(
        api_url=dropbox.api_url,
        content_url=dropbox.content_url,
        oauth_url=dropbox.oauth_url,
        ca_file=str(dropbox.ca_file) if dropbox.ca_file else None,
        connections=settings.upload.connections,
        user_agent=f"huracan-spool/{__version__}",
    )


def credentials_of(settings: Settings) -> Credentials:
    dropbox = settings.dropbox
    return Credentials(
        access_token=_reveal(dropbox.access_token),
        refresh_token=_reveal(dropbox.refresh_token),
        app_key=_reveal(dropbox.app_key),
        app_secret=_reveal(dropbox.app_secret),
    )


def _reveal(secret: Secret | None) -> str | None:
    return secret.reveal() if secret else None
