"""An HTTP client for tests that has no opinion about Dropbox."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import aiohttp

from huracan_spool.emulator import Emulator


@dataclass(frozen=True)
class Answer:
    status: int
    data: bytes
    headers: dict[str, str]

    @property
    def text(self) -> str:
        return self.data.decode()

    @property
    def value(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> Any:
        return self.value["error"]


class Caller:
    """A client with no opinion: it sends what it is told and shows what came back."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        self.emulator = emulator
        self._session = session

    async def send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        async with self._session.request(
            method,
            f"{self.emulator.http_url}{path}",
            data=io.BytesIO(body) if isinstance(body, bytes) else body,
            headers=headers,
            skip_auto_headers=("Content-Type",),
            allow_redirects=False,
        ) as response:
            return Answer(response.status, await response.read(), dict(response.headers))

    async def rpc(self, route: str, arg: Any) -> Answer:
        headers = {**self.authorisation, "Content-Type": "application/json"}
        return await self.send("POST", f"/2/{route}", json.dumps(arg).encode(), headers)

    async def upload(self, route: str, arg: Any, body: bytes = b"") -> Answer:
        headers = {
            **self.authorisation,
            "Content-Type": "application/octet-stream",
            "Dropbox-API-Arg": json.dumps(arg),
        }
        return await self.send("POST", f"/2/{route}", body, headers)

    async def put(self, path: str, body: bytes = b"bytes", **commit: Any) -> Any:
        return (await self.upload("files/upload", {"path": path, **commit}, body)).value

    async def download(
        self, path: str, headers: dict[str, str] | None = None, route: str = "files/download", method: str = "POST"
    ) -> Answer:
        arg = {"Dropbox-API-Arg": json.dumps({"path": path})}
        return await self.send(method, f"/2/{route}", None, {**self.authorisation, **arg, **(headers or {})})

    async def started(self, **arg: Any) -> str:
        answer = await self.upload("files/upload_session/start", arg)
        return str(answer.value["session_id"])

    @property
    def authorisation(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.emulator.access_token}"}
