"""The command as people and scripts meet it: exit codes, JSON, errors that help."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import jsonschema
import pytest

from huracan_spool.emulator import Emulator, Fault
from support.runs import make_run
from support.site import COMMAND, Site
from support.waiting import eventually


async def test_status_of_a_healthy_daemon(connected: Site) -> None:
    run = make_run()
    async with connected.daemon() as daemon:
        run.publish(connected.spool)
        await daemon.settled(run.name)
        shown = await connected.command("status", "--config", str(connected.config))
        state = await connected.command("status", "--json", "--config", str(connected.config))
    assert shown.code == 0
    assert run.name in shown.out
    found = state.json
    assert (found["running"], found["store"], found["pending"], found["failed"], found["paused"]) == (
        *(True, "dropbox", 0, [], None),
    )
    assert [(each["run"], each["status"]) for each in found["recent"]] == [(run.name, "uploaded")]


async def test_status_while_the_daemon_is_down(site: Site) -> None:
    site.spool.mkdir(mode=0o770)
    make_run().publish(site.spool)
    shown = await site.command("status")
    state = await site.command("status", "--json")
    assert (shown.code, state.code) == (1, 1)
    assert "NOT RUNNING" in shown.out
    assert (state.json["running"], state.json["pending"]) == (False, 1)


async def test_status_names_what_waits_what_is_paused_and_what_failed(connected: Site, dropbox: Emulator) -> None:
    dropbox.faults.add(Fault(route="*", kind="auth", tag="invalid_access_token", times=None))
    good, bad = make_run(0), make_run(1)
    async with connected.daemon() as daemon:
        bad.drop(connected.spool, b"{}")
        await daemon.logged("run_failed")
        good.publish(connected.spool)
        await daemon.logged("uploads_paused")
        state = await connected.command("status", "--json", "--config", str(connected.config))
        shown = await connected.command("status", "--config", str(connected.config))
    assert (state.code, shown.code) == (1, 1)
    assert "new token" in state.json["paused"]["hint"]
    assert [each["code"] for each in state.json["failed"]] == ["bad_manifest"]
    assert "PAUSED" in shown.out


async def test_status_of_a_run_that_waits(connected: Site, dropbox: Emulator) -> None:
    connected.settings |= {"retry.call_first": "0.001s", "retry.call_max": "0.001s"}
    connected.settings |= {"retry.run_first": "1h", "retry.run_max": "1h"}
    dropbox.faults.add(Fault(route="files/upload_session/finish_batch_v2", kind="server_error", times=None))
    run = make_run()
    async with connected.daemon() as daemon:
        run.publish(connected.spool)
        await daemon.logged("run_waits")
        commands = ("status", "--json", "--config", str(connected.config))
        found = await connected.command(*commands)
        if not found.json["waiting"]:  # the line is written just before the note
            found = await connected.command(*commands)
    assert [(each["run"], each["attempts"]) for each in found.json["waiting"]] == [(run.name, 1)]


async def test_check_config_prints_what_is_in_use_and_hides_secrets(connected: Site) -> None:
    shown = await connected.command("check-config", "--config", str(connected.config))
    as_json = await connected.command("check-config", "--config", str(connected.config), "--json")
    assert (shown.code, as_json.code) == (0, 0)
    assert as_json.json["ok"]
    assert as_json.json["store"] == "dropbox"
    token = connected.config.read_text().split('"')[1]
    assert token not in shown.out + shown.err + as_json.out + as_json.err


@pytest.mark.parametrize("command", ["check-config", "run", "status"])
async def test_a_wrong_configuration_is_told_in_one_go(site: Site, command: str) -> None:
    site.config.write_text(
        'dropbox:\n  access_token: "YOUR_DROPBOX_ACCESS_TOKEN"\nupload:\n  wrokers: 3\n  connections: 0\n'
    )
    done = await site.command(command, "--config", str(site.config))
    assert done.code == 78
    for part in ("dropbox.access_token", "upload.wrokers", "upload.connections"):
        assert part in done.err


@pytest.mark.parametrize("command", ["check-config", "run"])
async def test_a_secret_that_others_can_read_is_refused(connected: Site, command: str) -> None:
    connected.config.chmod(0o644)
    done = await connected.command(command, "--config", str(connected.config))
    assert done.code == 77
    assert "chmod" in done.err


async def test_wrong_settings_as_json(site: Site) -> None:
    site.config.write_text("upload:\n  connections: 0\n")
    done = await site.command("check-config", "--config", str(site.config), "--json")
    assert done.code == 78
    assert not done.json["ok"]
    assert [problem["path"] for problem in done.json["problems"]] == ["upload.connections"]


async def test_the_schema_takes_what_the_daemon_takes(site: Site) -> None:
    done = await site.command("schema")
    manifest = make_run().manifest()
    jsonschema.validate(manifest, done.json)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(manifest | {"version": 2}, done.json)


@pytest.mark.parametrize("arguments", [("no-such-command",), ("run", "--no-such-option"), ("failed", "show")])
async def test_a_usage_error_is_64(site: Site, arguments: tuple[str, ...]) -> None:
    done = await site.command(*arguments)
    assert (done.code, done.out) == (64, "")
    assert "--help" in done.err


async def test_every_command_has_help(site: Site) -> None:
    top = await site.command("--help")
    names = re.findall(r"^  (\S+)", top.out.split("Commands:")[1], re.MULTILINE)
    helps = [await site.command(name, "--help") for name in names]
    assert {each.code for each in (top, *helps)} == {0}
    assert all(each.out.startswith("Usage: ") for each in helps)


async def test_two_spools_of_one_host_do_not_mix(site: Site, tmp_path: Path) -> None:
    other = Site(tmp_path / "other", dict(site.settings))
    run, another = make_run(0), make_run(1)
    async with site.daemon() as first, other.daemon() as second:
        run.publish(site.spool)
        another.publish(other.spool)
        await first.settled(run.name)
        await second.settled(another.name)
    assert (site.receipts(), other.receipts()) == ({run.name}, {another.name})


async def test_json_logs_are_one_object_a_line(site: Site) -> None:
    site.settings["log.format"] = "json"
    run = make_run()
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "run", "--config", str(site.config)), env=site.environ, stdout=asyncio.subprocess.PIPE
    )
    try:
        await eventually((site.spool / "receipts").exists, "the spool")
        run.publish(site.spool)
        await eventually(lambda: run.name in site.receipts(), "a receipt")
        await site.empty()
    finally:
        process.terminate()
        out, _ = await process.communicate()
    lines = [json.loads(line) for line in out.decode().splitlines()]
    complete = next(line for line in lines if line["event"] == "comprehensive_dropbox_upload_complete")
    assert complete["results"] == {
        "model": True,
        "metrics": True,
        "features": True,
        "candle_data": True,
        "trades": True,
    }
    assert all({"ts", "level", "event"} <= set(line) for line in lines)
