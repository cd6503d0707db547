"""The emulator's own endpoints under `/__emulator__/`, for a test in another process. No token needed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from huracan_spool.emulator.account import Account
from huracan_spool.emulator.calls import CallRecord, Totals
from huracan_spool.emulator.faults import ActiveFault, Fault, Faults
from huracan_spool.emulator.view import tree_view

POLL_SECONDS = 0.01


class Control:
    def __init__(self, account: Account, faults: Faults, calls: Sequence[CallRecord]) -> None:
        self._account = account
        self._faults = faults
        self._calls = calls

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/__emulator__/faults", self.list_faults),
            web.post("/__emulator__/faults", self.add_fault),
            web.delete("/__emulator__/faults", self.clear_faults),
            web.delete("/__emulator__/faults/{number}", self.remove_fault),
            web.get("/__emulator__/tree", self.tree),
            web.get("/__emulator__/calls", self.list_calls),
            web.get("/__emulator__/totals", self.totals),
            web.get("/__emulator__/writes", self.list_writes),
        ]

    async def list_faults(self, _: web.Request) -> web.Response:
        return web.json_response([_fault_view(active) for active in self._faults])

    async def add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = Fault.from_json(json.loads(await request.read()))
        except (ValueError, TypeError, AttributeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(_fault_view(self._faults.add(fault)))

    async def clear_faults(self, _: web.Request) -> web.Response:
        self._faults.clear()
        return web.json_response(None)

    async def remove_fault(self, request: web.Request) -> web.Response:
        try:
            self._faults.remove(int(request.match_info["number"]))
        except (KeyError, ValueError):
            return web.json_response({"error": "no such fault"}, status=404)
        return web.json_response(None)

    async def tree(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                path: {
                    "content_hash": view.content_hash,
                    "size": view.size,
                    "client_modified": view.client_modified.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "id": view.id,
                }
                for path, view in tree_view(self._account).items()
            }
        )

    async def list_calls(self, _: web.Request) -> web.Response:
        return web.json_response([dataclasses.asdict(record) for record in self._calls])

    async def totals(self, request: web.Request) -> web.Response:
        """With `?files=N&within=SECONDS` answers when there are N files, and at the latest then."""
        wanted, options = int(request.query.get("files", 0)), self._account.options
        end = options.clock() + float(request.query.get("within", 0))
        while self._account.tree.files < wanted and options.clock() < end:
            await options.sleep(POLL_SECONDS)
        return web.json_response(
            {
                **dataclasses.asdict(Totals.of(self._calls)),
                "files": self._account.tree.files,
                "at": options.clock(),
            }
        )

    async def list_writes(self, _: web.Request) -> web.Response:
        return web.json_response([dataclasses.asdict(write) for write in self._account.writes])


def _fault_view(active: ActiveFault) -> dict[str, Any]:
    return {
        "number": active.number,
        "calls": active.calls,
        "hits": active.hits,
        "fault": {**dataclasses.asdict(active.fault), "headers": dict(active.fault.headers)},
    }
