"""A folder as a zip that nobody ever holds as a whole."""

from __future__ import annotations

import asyncio
import io
import json
import random
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from emulator_caller import Answer, Caller

from huracan_spool.emulator import Emulator, Fault
from huracan_spool.emulator.blobs import Blobs, Content
from huracan_spool.emulator.zipping import PIECE_BYTES, Entry, zipped

MIB = 1024 * 1024
ROUTE = "files/download_zip"
MODEL = random.Random(1).randbytes(3 * MIB + 1)
DATA_DESCRIPTOR = 0x08
RUN = {
    "SOL-USDT/data/empty.csv": b"",
    "SOL-USDT/métrics.json": b'{"a": 1}',
    "SOL-USDT/model/model.bin": MODEL,
}
FOLDERS = ["SOL-USDT/", "SOL-USDT/data/", "SOL-USDT/model/"]


def put_run(emulator: Emulator) -> None:
    for name, data in RUN.items():
        emulator.put(f"/2025/{name}", data)
    emulator.put("/2025/elsewhere", b"not in it")


async def zip_of(caller: Caller, path: str = "/2025/sol-usdt", headers: dict[str, str] | None = None) -> Answer:
    return await caller.download(path, headers, ROUTE)


def opened(answer: Answer) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(answer.data))


@pytest.mark.parametrize(
    ("method", "folders"),
    [
        pytest.param(zipfile.ZIP_STORED, FOLDERS, marks=pytest.mark.options()),
        pytest.param(
            zipfile.ZIP_DEFLATED, [], marks=pytest.mark.options(zip_deflates=True, zip_folder_entries=False)
        ),
    ],
)
async def test_a_folder_in_one_download(caller: Caller, method: int, folders: list[str]) -> None:
    put_run(caller.emulator)

    answer = await zip_of(caller)

    with opened(answer) as archive:
        files = [info for info in archive.infolist() if not info.is_dir()]
        assert archive.testzip() is None
        assert {info.filename: archive.read(info) for info in files} == RUN
        assert [info.filename for info in archive.infolist() if info.is_dir()] == folders
        assert {info.compress_type for info in files} == {method}
        assert all(info.flag_bits & DATA_DESCRIPTOR for info in files)
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert {"Content-Length", "Etag", "Accept-Ranges"}.isdisjoint(answer.headers)


async def test_a_zip_describes_its_folder(caller: Caller) -> None:
    put_run(caller.emulator)
    folder = (await caller.rpc("files/get_metadata", {"path": "/2025/SOL-USDT"})).value

    answer = await zip_of(caller, folder["id"])

    assert json.loads(answer.headers["Dropbox-API-Result"]) == {
        "metadata": {name: value for name, value in folder.items() if name != ".tag"}
    }


async def test_a_zip_has_no_parts(caller: Caller) -> None:
    put_run(caller.emulator)

    answer = await zip_of(caller, headers={"Range": "bytes=0-9"})

    assert (answer.status, opened(answer).testzip()) == (200, None)


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/none", 409, '{".tag": "path", "path": {".tag": "not_found"}}'),
        ("/2025/elsewhere", 409, '{".tag": "path", "path": {".tag": "not_folder"}}'),
        ("/2025/", 409, '{".tag": "path", "path": {".tag": "malformed_path"}}'),
        ("", 400, "path"),
        ("ns:1234567890", 400, "The root folder is unsupported."),
    ],
)
async def test_what_is_no_folder(caller: Caller, path: str, status: int, text: str) -> None:
    put_run(caller.emulator)

    answer = await zip_of(caller, path)

    assert (answer.status, text in answer.text) == (status, True)


@pytest.mark.parametrize(
    ("path", "status", "tag"),
    [
        # Seven bytes and one, in two files, and the folder itself.
        pytest.param("/d", 200, "", marks=pytest.mark.options(zip_max_bytes=9)),
        pytest.param("/d", 409, "too_large", marks=pytest.mark.options(zip_max_bytes=8)),
        pytest.param("/d", 200, "", marks=pytest.mark.options(zip_max_file_bytes=8)),
        pytest.param("/d", 409, "too_large", marks=pytest.mark.options(zip_max_file_bytes=7)),
        pytest.param("/d", 200, "", marks=pytest.mark.options(zip_max_entries=4)),
        pytest.param("/d", 409, "too_many_files", marks=pytest.mark.options(zip_max_entries=3)),
    ],
)
async def test_what_is_too_much(caller: Caller, path: str, status: int, tag: str) -> None:
    for name, data in {"a": b"7 bytes", "b": b"1"}.items():
        caller.emulator.put(f"/d/{name}", data)

    answer = await zip_of(caller, path)

    assert answer.status == status
    assert not tag or answer.error == {".tag": tag}


async def test_a_zip_is_of_the_moment_it_was_asked_for(caller: Caller) -> None:
    put_run(caller.emulator)
    fault = caller.emulator.faults.add(Fault(route=ROUTE, kind="hold", after_effect=True))
    asked = asyncio.ensure_future(zip_of(caller))
    await fault.reached.wait()
    caller.emulator.put("/2025/SOL-USDT/model/model.bin", b"later")
    await caller.rpc("files/delete_v2", {"path": "/2025/SOL-USDT/data"})
    fault.release()

    with opened(await asked) as archive:
        assert {name: archive.read(name) for name in RUN} == RUN


@pytest.mark.parametrize("deflate", [False, True])
def test_a_zip_is_made_in_pieces(tmp_path: Path, deflate: bool) -> None:
    content = Content.of([Blobs(tmp_path, 100 * MIB).store(random.Random(2).randbytes(64 * MIB))])

    tracemalloc.start()
    sizes = [len(piece) for piece in zipped([Entry("a", content)], deflate=deflate)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sum(sizes) > content.size
    assert {*sizes[:-1]} == {PIECE_BYTES}
    assert peak < 2 * MIB
