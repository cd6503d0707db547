"""The alerts and the dashboard that we ship, against the metrics that a real daemon has."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from asking import watched

from huracan_spool.emulator import Emulator
from support.runs import make_run
from support.site import Site, finished

CONFIG = Path(__file__).parents[2] / "config"
README = CONFIG.with_name("README.md")
ALERTS = CONFIG / "prometheus-alerts.yaml"
DASHBOARD = CONFIG / "grafana-dashboard.json"
ALERT_TESTS = Path(__file__).with_name("alerts.test.yaml")

_METRIC = re.compile(r"\b(?:huracan_spool|process)_[a-z_]+")
_SELECTOR = re.compile(r"([a-z_]+)\{([^}]*)\}")
_MATCHER = re.compile(r'([a-z_]+)="([^"]*)"')


def alerts() -> dict[str, dict[str, Any]]:
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def dashboard_expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


async def promtool(*arguments: str) -> str:
    done = await finished(("promtool", *arguments), dict(os.environ))
    assert done.code == 0, done.out + done.err
    return done.out


async def test_prometheus_takes_the_alerts() -> None:
    assert f"{len(alerts())} rules found" in await promtool("check", "rules", str(ALERTS))


async def test_every_alert_fires_when_it_should_and_not_in_health() -> None:
    await promtool("test", "rules", str(ALERT_TESTS))
    tested = {case["name"] for case in yaml.safe_load(ALERT_TESTS.read_text())["tests"]}
    assert set(alerts()) <= tested


async def test_every_alert_says_what_to_read() -> None:
    rules = alerts()
    assert {name: rule["annotations"]["runbook"] for name, rule in rules.items()} == {
        name: f"README.md#{name.lower()}" for name in rules
    }
    assert {rule["labels"]["severity"] for rule in rules.values()} == {"page", "ticket"}


def test_the_runbook_has_a_section_for_each_alert_that_begins_with_the_command() -> None:
    sections = re.findall(r"^### (Huracan\w+)\n\n```sh\n\S", README.read_text(), re.MULTILINE)
    assert sections == list(alerts())


@pytest.fixture
async def samples(site: Site, dropbox: Emulator) -> set[str]:
    """Every sample of two hosts: one with a refreshed token for Dropbox, one with a local archive."""
    found = set[str]()
    run = make_run()
    for has_dropbox in (False, True):
        if has_dropbox:
            site.connect(dropbox)
            login = f'refresh_token: "{dropbox.refresh_token}"\n  app_key: "{dropbox.app_key}"'
            site.config.write_text(f"dropbox:\n  {login}\n")
            site.settings["upload.calls_per_second"] = "1000"
        async with watched(site) as (daemon, asking):
            run.publish(site.spool)
            await daemon.settled(run.name)
            found |= set((await asking.get("/metrics")).samples)
    return found


async def test_alerts_and_dashboard_use_metrics_and_labels_that_exist(samples: set[str]) -> None:
    metrics = {sample.partition("{")[0] for sample in samples}
    labelled = {sample.partition("{")[0]: sample for sample in samples if "{" in sample}
    expressions = [str(rule["expr"]) for rule in alerts().values()] + dashboard_expressions()
    used = {name for text in expressions for name in _METRIC.findall(text)}
    assert used - metrics == set()
    for metric, matchers in {found for text in expressions for found in _SELECTOR.findall(text)}:
        for label, value in _MATCHER.findall(matchers):
            if label == "job":  # Prometheus adds it
                continue
            assert f'{label}="' in labelled[metric]
            known = value == "rate_limited" or any(f'{label}="{value}"' in sample for sample in samples)
            assert known, (metric, label, value)


async def test_prometheus_takes_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    texts = [text.replace("$__rate_interval", "5m").replace("$instance", ".*") for text in dashboard_expressions()]
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(texts)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    await promtool("check", "rules", str(file))


def test_the_panels_of_the_dashboard_lie_beside_each_other() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    cells = [
        (x, y)
        for each in (panel["gridPos"] for panel in panels)
        for x in range(each["x"], each["x"] + each["w"])
        for y in range(each["y"], each["y"] + each["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)
