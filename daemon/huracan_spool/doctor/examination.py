"""All checks, in the order in which one would look."""

from __future__ import annotations

from collections.abc import Iterator

from huracan_spool.doctor import dropbox, local, network, service
from huracan_spool.doctor.finding import SKIP, CantLook, Check, Finding, Host

CHECKS: dict[str, Check] = {
    "configuration": local.configuration,
    "versions": local.versions,
    "spool": local.spool,
    "spool_disk": local.spool_disk,
    "tmp_cleaning": local.tmp_cleaning,
    "state": local.state,
    "archive_disk": local.archive_disk,
    "inotify": local.inotify,
    "proxy": network.proxy,
    "names": network.names,
    "tls": network.tls,
    "clock": network.clock,
    "login": dropbox.login,
    "service": service.service,
    "http_address": service.http_address,
    "runs": local.runs,
}

# Without Dropbox nobody has to reach it.
_ONLY_WITH_DROPBOX = frozenset({"proxy", "names", "tls", "clock", "login"})


def examine(host: Host) -> Iterator[tuple[str, Finding]]:
    """Each finding with the name of its check, as it is made: some take seconds."""
    for name, check in CHECKS.items():
        if name in _ONLY_WITH_DROPBOX and host.settings is not None and not host.settings.uses_dropbox:
            yield name, Finding(SKIP, "runs go to the local archive")
            continue
        try:
            for finding in check(host):
                yield name, finding
        except CantLook as error:
            yield name, Finding(SKIP, str(error))
        except OSError as error:
            yield name, Finding(SKIP, f"this user can't look: {error}", "sudo huracan-spool doctor")
