"""A machine on which the service is installed by the commands of the documentation, and whoever trains on it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from huracan_spool.emulator import Emulator
from support.runs import Run
from support.systemd_sandbox import Sandbox
from support.waiting import eventually

CHECKOUT = Path(__file__).parents[2]
INSIDE = "/checkout"  # where the machine has it: a /tmp of its own hides what lies in this one's
SERVICE = "huracan-spool.service"
SPOOL = "tmp/huracan-spool"

_DROP_IN = """[Service]
LoadCredential=dropbox_access_token:/etc/huracan-spool/token
RestartSec=200ms
WatchdogSec=3s
"""


def documented_commands() -> tuple[str, str]:
    """With a virtual environment, and as a package."""
    by_hand, packaged = re.findall(r"```sh\n(.*?)```", (CHECKOUT / "systemd/README.md").read_text(), re.DOTALL)
    return f"cd {INSIDE}\n{by_hand}", f"cd {INSIDE}\n{packaged}"


def connect(machine: Sandbox, dropbox: Emulator) -> None:
    """Have the service upload to the emulator, with a token that systemd hands over."""
    url = dropbox.https_url
    etc = machine.root / "etc"
    config = etc / "huracan-spool/config.yaml"
    config.parent.mkdir(exist_ok=True)
    config.write_text(
        f"dropbox: {{api_url: {url}, content_url: {url}, oauth_url: {url}, ca_file: /etc/huracan-spool/ca.pem}}\n"
        "http: {listen: /run/huracan-spool/http}\n"
        "spool: {settle: 0.2s}\n"
        "upload: {drain_timeout: 1s}\n"
    )
    (etc / "huracan-spool/ca.pem").write_bytes(Path(str(dropbox.ca_file)).read_bytes())
    give_token(machine, dropbox.access_token)
    folder = etc / f"systemd/system/{SERVICE}.d"
    folder.mkdir(parents=True)
    (folder / "test.conf").write_text(_DROP_IN)


def give_token(machine: Sandbox, token: str) -> None:
    place = machine.root / "etc/huracan-spool/token"
    place.write_text(token)
    place.chmod(0o600)


async def submit(machine: Sandbox, who: str, run: Run) -> None:
    """As somebody of the group, with files that are nobody else's business."""
    home = machine.root / f"home/{who}"
    for kind, data in run.contents.items():
        (home / run.file(kind)).write_bytes(data)
    files = " ".join(f"--{kind} {run.file(kind)}" for kind in run.contents)
    moment = run.manifest()["trained_at"]
    await machine.as_user(
        who, f"cd; umask 077; huracan-spool submit {run.symbol} --trained-at {moment} --run {run.name} {files}"
    )


async def receipt(machine: Sandbox, run: Run) -> dict[str, Any]:
    """Once the run is settled."""
    place = machine.root / SPOOL / "receipts" / f"{run.name}.json"
    await eventually(place.exists, place)
    document: dict[str, Any] = json.loads(place.read_bytes())
    return document


async def upload(machine: Sandbox, who: str, run: Run) -> None:
    await submit(machine, who, run)
    found = await receipt(machine, run)
    assert found["status"] == "uploaded", found


async def main_pid(machine: Sandbox) -> str:
    return (await machine.show(SERVICE, "MainPID"))["MainPID"]


async def started_again(machine: Sandbox, before: str) -> None:
    """The service runs, and as another process than `before`."""

    async def look() -> bool:
        now = await machine.show(SERVICE, "MainPID", "ActiveState", "SubState")
        return (now["ActiveState"], now["SubState"]) == ("active", "running") and now["MainPID"] != before

    await machine.until(look, f"a running {SERVICE} after {before}")
