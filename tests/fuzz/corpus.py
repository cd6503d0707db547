"""Good files of every kind and format, small ones: what fuzzing starts from."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from functools import cache

import pyarrow as pa
import pyarrow.parquet as pq

from huracan_spool.manifest import Kind

START = datetime(2025, 11, 12, tzinfo=UTC)
ROWS = 200


def candles_table(rows: int = ROWS) -> pa.Table:
    prices = [100 + (row * 7 % 13) / 10 for row in range(rows)]
    return pa.table(
        {
            "timestamp": pa.array(
                [START + timedelta(minutes=row) for row in range(rows)], pa.timestamp("us", "UTC")
            ),
            "open": pa.array(prices, pa.float64()),
            "high": pa.array([price + 2 for price in prices], pa.float64()),
            "low": pa.array([price - 2 for price in prices], pa.float64()),
            "close": pa.array(prices[::-1], pa.float64()),
            "volume": pa.array([1.0 + row % 5 for row in range(rows)], pa.float64()),
        }
    )


def parquet(table: pa.Table, **options: object) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def trades_csv(rows: int = 40) -> bytes:
    header = (
        "entry_timestamp,exit_timestamp,entry_price,exit_price,direction,position_size_gbp,gross_profit_bps,"
        "net_profit_gbp,exit_reason,hold_duration_minutes,is_winner,model_confidence,market_regime"
    )
    lines = [header]
    for row in range(rows):
        entry, minutes, profit = START + timedelta(minutes=9 * row), 1 + row % 8, (row % 3 - 1) * 2.5
        left = entry + timedelta(minutes=minutes)
        lines.append(
            f"{entry.isoformat()},{left.isoformat()},150.5,151.25,{'LONG' if row % 2 else 'SHORT'},100.0,{profit},"
            f"{profit / 100},STOP_LOSS,{minutes},{profit > 0},0.75,trend"
        )
    return ("\n".join(lines) + "\n").encode()


def metrics_json(**changes: object) -> bytes:
    metrics = {
        "symbol": "SOL/USDT",
        "total_trades": 40,
        "wins": 13,
        "win_rate": 0.325,
        "sharpe_ratio": -0.5,
        "total_profit_gbp": -0.025,
        "max_drawdown": None,
        "history": {"loss": [0.5, 0.25, 1e-9], "notes": ["é", "\u2028"]},
    }
    return json.dumps(metrics | changes).encode()


def features_json(**changes: object) -> bytes:
    columns = [f"feature_{number}" for number in range(8)]
    features = {
        "feature_columns": columns,
        "total_features": 8,
        "dimensions": [200, 8],
        "higher_order_enabled": True,
    }
    return json.dumps(features | changes).encode()


class _Call:
    """Pickles as a call of a function by its name."""

    def __init__(self, function: object, *arguments: object) -> None:
        self._reduced = function, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self._reduced


def state_dict_pickle(storages: dict[str, int]) -> bytes:
    """As torch.save writes one: a tensor of floats for each storage, key to number of elements."""
    lines = b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01("
    for key, count in storages.items():
        name = key.encode()
        lines += b"X" + struct.pack("<I", len(name)) + name + b"ctorch._utils\n_rebuild_tensor_v2\n(("
        lines += b"X\x07\x00\x00\x00storagectorch\nFloatStorage\nX" + struct.pack("<I", len(name)) + name
        lines += b"X\x03\x00\x00\x00cpuJ" + struct.pack("<i", count) + b"tQK\x00"
        lines += b"J" + struct.pack("<i", count) + b"\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR"
    return lines + b"u."


def torch_zip(data_pkl: bytes, storages: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("model/data.pkl", data_pkl)
        archive.writestr("model/byteorder", b"little")
        for key, data in storages.items():
            archive.writestr(f"model/data/{key}", data)
        archive.writestr("model/version", b"3\n")
    return buffer.getvalue()


def torch_legacy(storages: dict[str, int]) -> bytes:
    head = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}]
    data = b"".join(struct.pack("<q", count) + bytes(4 * count) for count in storages.values())
    pickles = [pickle.dumps(each, 2) for each in head] + [state_dict_pickle(storages)]
    return b"".join(pickles) + pickle.dumps(list(storages), 2) + data


def safetensors(header: dict[str, object], data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


TENSORS = {
    "__metadata__": {"format": "pt"},
    "weight": {"dtype": "F32", "shape": [4, 2], "data_offsets": [0, 32]},
    "bias": {"dtype": "I64", "shape": [2], "data_offsets": [32, 48]},
}


@cache
def good_files() -> tuple[tuple[Kind, str, bytes], ...]:
    """Kind, name, content."""
    table = candles_table()
    texts = table.append_column("note", pa.array([f"n{row % 7}" for row in range(ROWS)]).dictionary_encode())
    nested = table.append_column("levels", pa.array([[1.0, None], None, []] * (ROWS // 3) + [[2.0]] * (ROWS % 3)))
    epoch = table.set_column(0, "open_time", pa.array([1_762_905_600_000 + row for row in range(ROWS)]))
    models = state_dict_pickle({"0": 4, "1": 6})
    storages = {"0": bytes(16), "1": bytes(24)}
    return (
        (Kind.CANDLES, "snappy", parquet(table)),
        (Kind.CANDLES, "zstd-pages-2", parquet(table, compression="zstd", data_page_version="2.0")),
        (Kind.CANDLES, "gzip-groups", parquet(table, compression="gzip", row_group_size=64, write_page_index=True)),
        (Kind.CANDLES, "lz4-checksums", parquet(table, compression="lz4", write_page_checksum=True)),
        (Kind.CANDLES, "brotli-split", parquet(table, compression="brotli", use_dictionary=False,
                                               use_byte_stream_split=["open", "close"])),
        (Kind.CANDLES, "delta", parquet(epoch, compression="none", use_dictionary=False,
                                        column_encoding={"open_time": "DELTA_BINARY_PACKED"})),
        (Kind.CANDLES, "texts", parquet(texts)),
        (Kind.CANDLES, "nested", parquet(nested)),
        (Kind.CANDLES, "no-rows", parquet(candles_table(0))),
        (Kind.TRADES, "trades", trades_csv()),
        (Kind.TRADES, "header-only", trades_csv(0)),
        (Kind.METRICS, "metrics", metrics_json()),
        (Kind.FEATURES, "features", features_json()),
        (Kind.MODEL, "torch", torch_zip(models, storages)),
        (Kind.MODEL, "torch-deflated", torch_zip(models, storages, zipfile.ZIP_DEFLATED)),
        (Kind.MODEL, "torch-bzip2", torch_zip(models, storages, zipfile.ZIP_BZIP2)),
        (Kind.MODEL, "torch-lzma", torch_zip(models, storages, zipfile.ZIP_LZMA)),
        (Kind.MODEL, "legacy", torch_legacy({"0": 4, "1": 6})),
        (Kind.MODEL, "pickle-2", pickle.dumps({"w": [1.5] * 20, "s": {1, 2}, "o": OrderedDict(a=b"x")}, 2)),
        (Kind.MODEL, "pickle-5", pickle.dumps({"call": _Call(print, "no"), "data": bytearray(50)}, 5)),
        (Kind.MODEL, "safetensors", safetensors(TENSORS, bytes(48))),
    )  # fmt: skip
