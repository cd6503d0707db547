"""The service's whole life under a real systemd, installed by hand as the documentation says."""

from __future__ import annotations

import os

from huracan_spool.emulator import Emulator, Fault
from huracan_spool.samples import Size
from support.runs import make_run
from support.systemd_machine import (
    SERVICE,
    SPOOL,
    connect,
    documented_commands,
    give_token,
    main_pid,
    receipt,
    started_again,
    submit,
    upload,
)
from support.systemd_sandbox import Sandbox
from support.waiting import within

LARGE = Size(model_bytes=40_000_000, candles=20, trades=3)
APPEND = "files/upload_session/append_v2"


async def test_the_whole_life(machine: Sandbox, dropbox: Emulator) -> None:
    connect(machine, dropbox)
    await machine.shell(documented_commands()[0])
    await installed_and_idempotent(machine)
    await members_of_the_group_submit(machine)
    await reloaded(machine)
    await killed(machine)
    await hung(machine)
    await stopped_in_the_middle(machine, dropbox)
    await spool_taken_away(machine)
    await credential_rotated(machine, dropbox)
    await every_line_has_its_priority(machine)
    await uninstalled(machine)


async def installed_and_idempotent(machine: Sandbox) -> None:
    again = await machine.run("huracan-spool", "install")
    assert "write" not in again.out
    facts = await machine.show(SERVICE, "ActiveState", "UnitFileState", "Slice", "NRestarts", "StatusText")
    assert facts == {
        "ActiveState": "active",
        "UnitFileState": "enabled",
        "Slice": "huracan.slice",
        "NRestarts": "0",
        "StatusText": "0 pending, 0 under way, 0 settled, last upload none yet",
    }
    assert not (await machine.run("systemctl", "--failed", "--no-legend")).out


async def members_of_the_group_submit(machine: Sandbox) -> None:
    """Inspected, with all five kinds, in the confinement that the unit makes."""
    for seed, who in enumerate(("anna", "bert")):
        run = make_run(seed)
        await upload(machine, who, run)
        found = await receipt(machine, run)
        assert len(found["results"]) == 5
        assert found["inspection"]["failed"] is None, found["inspection"]
    assert "last upload 20" in (await machine.show(SERVICE, "StatusText"))["StatusText"]
    stranger = await machine.shell("useradd -m eve; runuser -u eve -- ls /tmp/huracan-spool", code=None)
    assert stranger.code != 0


async def reloaded(machine: Sandbox) -> None:
    """`systemctl reload` only sends the signal; the daemon tells systemd when it is done, as the same process."""
    before = await main_pid(machine)
    await machine.run("systemctl", "reload", SERVICE)

    async def done() -> bool:
        its = [str(line["MESSAGE"]) for line in await machine.journal(SERVICE) if line.get("_PID") == before]
        facts = await machine.show(SERVICE, "MainPID", "ActiveState", "SubState")
        again = sum(" daemon_ready " in line for line in its) == 2
        return again and facts == {"MainPID": before, "ActiveState": "active", "SubState": "running"}

    await machine.until(done, "reload")
    await upload(machine, "anna", make_run(2))


async def killed(machine: Sandbox) -> None:
    before = await main_pid(machine)
    await machine.run("systemctl", "kill", "-s", "KILL", SERVICE)
    await started_again(machine, before)
    await upload(machine, "bert", make_run(3))


async def hung(machine: Sandbox) -> None:
    """The event loop waits for a configuration that never comes: nothing of the daemon's own could tell."""
    before = await main_pid(machine)
    config = machine.root / "etc/huracan-spool/config.yaml"
    good = config.read_bytes()
    config.unlink()
    os.mkfifo(config)
    await machine.run("systemctl", "kill", "-s", "HUP", SERVICE)

    async def aborted() -> bool:
        return any("Watchdog timeout" in str(line["MESSAGE"]) for line in await machine.journal(SERVICE))

    await machine.until(aborted, "watchdog abort")
    config.unlink()
    config.write_bytes(good)
    await started_again(machine, before)
    lines = [line for line in await machine.journal(SERVICE) if line.get("_PID") == before]
    stacks = [line for line in lines if "File " in str(line["MESSAGE"]) and "line " in str(line["MESSAGE"])]
    assert any("daemon.py" in str(line["MESSAGE"]) for line in stacks)
    await upload(machine, "anna", make_run(4))


async def stopped_in_the_middle(machine: Sandbox, dropbox: Emulator) -> None:
    """A large upload goes on after the next start, and a stop does not wait for it."""
    held = dropbox.faults.add(Fault(route=APPEND, kind="hold", times=None, call=2))
    run = make_run(5, size=LARGE)
    await submit(machine, "bert", run)
    await within(held.reached.wait(), "a part of the large file")
    await machine.run("systemctl", "stop", SERVICE)
    facts = await machine.show(SERVICE, "ActiveState", "Result")
    assert facts == {"ActiveState": "inactive", "Result": "success"}
    dropbox.faults.clear()
    await machine.run("systemctl", "start", SERVICE)
    assert (await receipt(machine, run))["status"] == "uploaded"


async def spool_taken_away(machine: Sandbox) -> None:
    """Removed and replaced by a link, unmounted and squatted, opened to everybody: each time it mends itself."""
    mischief = (
        "rm -rf /var/spool/huracan-spool; ln -s /etc /var/spool/huracan-spool",
        "umount /tmp/huracan-spool; rmdir /tmp/huracan-spool; ln -s /etc /tmp/huracan-spool",
        "chmod 0777 /var/spool/huracan-spool",
        "chown anna /var/spool/huracan-spool",
    )
    for seed, each in enumerate(mischief, start=6):
        await machine.shell(each)
        await machine.until(lambda: spool_is_sound(machine), f"sound spool after {each!r}")
        await upload(machine, "anna", make_run(seed))
    assert not (machine.root / "etc/receipts").exists()


async def spool_is_sound(machine: Sandbox) -> bool:
    checks = "[ /tmp/huracan-spool -ef /var/spool/huracan-spool ] && stat -c '%a %U %G %F' /tmp/huracan-spool"
    sound = await machine.shell(checks, code=None)
    running = await machine.show(SERVICE, "SubState")
    return sound.out == "3770 huracan-spool huracan directory\n" and running == {"SubState": "running"}


async def credential_rotated(machine: Sandbox, dropbox: Emulator) -> None:
    """The old token is refused, which ends nothing; the new one is used from the next start on."""
    dropbox.expire_tokens()
    new = dropbox.issue_token()
    run = make_run(20)
    await submit(machine, "bert", run)

    async def paused() -> bool:
        return "paused" in (await machine.show(SERVICE, "StatusText"))["StatusText"]

    await machine.until(paused, "pause")
    give_token(machine, new)
    await machine.run("systemctl", "restart", SERVICE)
    assert (await receipt(machine, run))["status"] == "uploaded"


async def every_line_has_its_priority(machine: Sandbox) -> None:
    """Also those that Python wrote as the watchdog ended it; and none holds the token."""
    told = [line for line in await machine.journal(SERVICE) if line.get("_COMM", "").startswith("huracan-spool")]
    unmarked = [line for line in told if not str(line["MESSAGE"]).startswith("[20")]
    assert {line["PRIORITY"] for line in unmarked} == {"3"}
    assert {line["PRIORITY"] for line in told if "[info]" in str(line["MESSAGE"])} == {"6"}
    assert {line["PRIORITY"] for line in told if "[warning]" in str(line["MESSAGE"])} <= {"4"}


async def uninstalled(machine: Sandbox) -> None:
    """Whatever is not the program's stays."""
    await machine.run("systemctl", "stop", SERVICE)
    waiting = make_run(30)
    await submit(machine, "anna", waiting)
    await machine.run("huracan-spool", "uninstall")
    assert (await machine.run("systemctl", "is-active", SERVICE, code=None)).code != 0
    left = await machine.shell("find /usr/local /etc/systemd/system -name '*huracan*' ! -name '*.d'", code=None)
    assert left.out == ""
    kept = machine.root / "var/spool/huracan-spool"
    assert waiting.manifest_file in os.listdir(kept)
    assert (machine.root / "var/lib/huracan-spool/ledger.sqlite").exists()
    assert (machine.root / "etc/huracan-spool/config.yaml").exists()
    assert not (machine.root / SPOOL / "receipts").exists()
