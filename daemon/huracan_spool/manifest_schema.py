"""The manifest's JSON Schema, made from what the parser uses."""

from __future__ import annotations

from typing import Any

from huracan_spool.manifest import (
    MANIFEST_SUFFIX,
    MAX_NAME_BYTES,
    RESERVED_NAMES,
    SHA256_PATTERN,
    SYMBOL_PATTERN,
    TIME_PATTERN,
    VERSION,
    Kind,
)


def manifest_schema() -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "huracan-spool run manifest",
        "type": "object",
        "required": ["version", "symbol", "trained_at", "artifacts"],
        "properties": {
            "version": {"const": VERSION, "type": "integer"},
            "symbol": {
                "type": "string",
                "pattern": SYMBOL_PATTERN,
                "maxLength": 127,
                "description": "the trading pair, such as SOL/USDT; at most 64 letters and digits",
            },
            "trained_at": {
                "type": "string",
                "pattern": TIME_PATTERN,
                "description": "RFC 3339; without an offset it is UTC; fractions of seconds are cut off",
            },
            "artifacts": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": False,
                "properties": {str(kind): {"$ref": "#/$defs/artifact"} for kind in Kind},
            },
            "metadata": {"type": "object", "description": "copied into the record; at most 64 KiB as JSON"},
        },
        "$defs": {
            "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_NAME_BYTES,
                "pattern": r"^[^.\\/\u0000-\u001f\u007f-\u009f][^\\/\u0000-\u001f\u007f-\u009f]*$",
                "not": {
                    "anyOf": [
                        {"enum": sorted(RESERVED_NAMES)},
                        {"pattern": MANIFEST_SUFFIX.replace(".", r"\.") + "$"},
                    ]
                },
            },
            "artifact": {
                "anyOf": [
                    {"$ref": "#/$defs/name"},
                    {
                        "type": "object",
                        "required": ["file"],
                        "properties": {
                            "file": {"$ref": "#/$defs/name"},
                            "size": {"type": ["integer", "null"], "minimum": 0},
                            "sha256": {"type": ["string", "null"], "pattern": SHA256_PATTERN},
                        },
                    },
                ]
            },
        },
    }
