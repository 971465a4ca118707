"""A small body of timm's with random weights in a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def body(tmp_path: Path) -> str:
    """The name of a source for pictures of 32 pixels."""
    import timm
    from safetensors.torch import save_file

    folder = tmp_path / "body"
    folder.mkdir()
    save_file(timm.create_model("test_resnet", num_classes=0).state_dict(), folder / "model.safetensors")
    facts = {"architecture": "test_resnet", "num_features": 96, "model_args": {"num_classes": 0}}
    (folder / "config.json").write_text(json.dumps({**facts, "pretrained_cfg": {"input_size": [3, 32, 32]}}))
    return f"local:{folder}"
