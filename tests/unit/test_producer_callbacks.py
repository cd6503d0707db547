"""The callbacks, with small packages that stand in for the libraries, each in an interpreter of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TORCH = """
import json
def save(value, path):
    with open(path, "w") as file:
        json.dump(value, file)
"""
CALLBACK = "class Callback:\n    def __init__(self): self.begun = True\n"
TRANSFORMERS = "class TrainerCallback:\n    pass\n"

MODULE = """
import sys, types, json, torch
class Module:
    def state_dict(self):
        return {"weight": [1, 2]}
class Scalar:
    def tolist(self):
        return 0.25
def more(run):
    run.trades([{"direction": "LONG"}])
"""
LIGHTNING = """
import {package}
from huracan_spool.producer.callbacks.lightning import SpoolCallback
callback = SpoolCallback("SOL/USDT", more=more, metadata={{"seed": 7}})
assert isinstance(callback, {package}.Callback) and callback.begun
trainer = types.SimpleNamespace(is_global_zero={zero}, sanity_checking=False, callback_metrics={{"loss": Scalar()}})
callback.on_fit_end(trainer, Module())
"""
HUGGING_FACE = """
import transformers
from huracan_spool.producer.callbacks.transformers import SpoolCallback
callback = SpoolCallback("SOL/USDT", more=more, metadata={{"seed": 7}})
assert isinstance(callback, transformers.TrainerCallback)
history = [{{"loss": 1.0, "step": 1}}, {{"loss": 0.25, "step": 2}}, {{"eval_loss": 0.5}}]
state = types.SimpleNamespace(is_world_process_zero={zero}, log_history=history)
callback.on_train_end(None, state, None, model=Module(), tokenizer=None)
"""
TELL = "print(json.dumps(callback.submission and callback.submission.run))"


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    folder = tmp_path / "libraries"
    (folder / "lightning").mkdir(parents=True)
    (folder / "lightning" / "__init__.py").write_text("")
    (folder / "lightning" / "pytorch.py").write_text(CALLBACK)
    (folder / "pytorch_lightning.py").write_text(CALLBACK)
    (folder / "transformers.py").write_text(TRANSFORMERS)
    (folder / "torch.py").write_text(TORCH)
    return folder


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


def train(libraries: Path, spool: Path, code: str) -> Any:
    """What the training prints: the run's name."""
    environ = os.environ | {"PYTHONPATH": str(libraries), "HURACAN_SPOOL__PATH": str(spool)}
    command = (sys.executable, "-c", MODULE + code + TELL)
    return json.loads(subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout)


def published(spool: Path, run: str) -> tuple[dict[str, Any], dict[str, str]]:
    manifest = json.loads((spool / f"{run}.manifest.json").read_bytes())
    texts = {kind: (spool / artifact["file"]).read_text() for kind, artifact in manifest["artifacts"].items()}
    return manifest, texts


@pytest.mark.parametrize("package", ["lightning.pytorch", "pytorch_lightning"])
def test_lightning_hands_over_when_fit_ends(libraries: Path, spool: Path, package: str) -> None:
    run = train(libraries, spool, LIGHTNING.format(package=package, zero=True))
    manifest, texts = published(spool, run)
    assert manifest["metadata"] == {"seed": 7}
    assert json.loads(texts["model"]) == {"weight": [1, 2]}
    assert json.loads(texts["metrics"]) == {"loss": 0.25}
    assert texts["trades"] == "direction\nLONG\n"


def test_the_hugging_face_trainer_hands_over_when_training_ends(libraries: Path, spool: Path) -> None:
    run = train(libraries, spool, HUGGING_FACE.format(zero=True))
    manifest, texts = published(spool, run)
    assert manifest["metadata"] == {"seed": 7}
    assert json.loads(texts["model"]) == {"weight": [1, 2]}
    assert json.loads(texts["metrics"]) == {"loss": 0.25, "step": 2, "eval_loss": 0.5}


@pytest.mark.parametrize("code", [LIGHTNING, HUGGING_FACE])
def test_other_ranks_hand_nothing_over(libraries: Path, spool: Path, code: str) -> None:
    assert train(libraries, spool, code.format(package="lightning.pytorch", zero=False)) is None
    assert os.listdir(spool) == []
