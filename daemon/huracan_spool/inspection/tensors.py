"""How many bytes an element of a tensor takes."""

from __future__ import annotations

_STORAGES = {
    "Double": 8,
    "Float": 4,
    "Half": 2,
    "BFloat16": 2,
    "Long": 8,
    "Int": 4,
    "Short": 2,
    "Char": 1,
    "Byte": 1,
    "Bool": 1,
    "ComplexDouble": 16,
    "ComplexFloat": 8,
    "Untyped": 1,
}


def bytes_per_element(storage: str) -> int | None:
    """Of a PyTorch storage class such as `torch.FloatStorage`; None when it is not known."""
    return _STORAGES.get(storage.rpartition(".")[2].removesuffix("Storage"))
