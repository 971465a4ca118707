"""The accuracy of headstart's features compared with plain ones: timm's own transform and an fp32 eager torch body.

    python benchmarks/_same_accuracy.py DATA CHECKPOINT

Audit, split, head and evaluation are the same code on the same items; only the rows differ. Prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _plain import Pictures, timm_body

from headstart.data import read
from headstart.engine.options import Engine
from headstart.heads import HeadSearch
from headstart.reporting import SilentReporter
from headstart.sources import open_source
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.judge import Judged, judge
from headstart.transfer.stages.prepare import prepare

BATCH = 32


def compare(archive: Path, checkpoint: Path) -> dict[str, Any]:
    """Both accuracies on the given split, the number of different predictions, and the least cosine of two rows."""
    silent = SilentReporter()
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        source = open_source(f"local:{checkpoint}")
        ours = prepare(read(folder), source, RunContext(silent, Engine(cache=False)))
        rows = plain_rows(str(checkpoint), ours.dataset.items)
    found = [judge(one, HeadSearch(), 0, silent) for one in (ours, replace(ours, rows=rows))]
    own, plain = (one.outputs.argmax(axis=1) for one in found)
    return {
        "n": len(own), "ours": _metric(found[0], "accuracy"), "plain": _metric(found[1], "accuracy"),
        "log_loss": [_metric(one, "log_loss") for one in found], "judged_by": found[0].plan.how,
        "differing": int((own != plain).sum()), "cosine": _least_cosine(np.asarray(ours.rows), rows),
        "form": f"{ours.extraction.backend} {ours.extraction.precision}",
    }  # fmt: skip


def plain_rows(checkpoint: str, files: Sequence[str]) -> np.ndarray:
    """The mean-pooled outputs of all blocks and the last layer, of every image, in fp32."""
    import timm
    import torch

    body, config = timm_body(checkpoint)
    maps: list[torch.Tensor] = []
    for block in body.blocks:
        block.register_forward_hook(lambda _module, _inputs, output: maps.append(output.mean((2, 3))))
    pictures = Pictures(files, timm.data.create_transform(**config))
    rows = []
    with torch.inference_mode():
        for begin in range(0, len(files), BATCH):
            batch = torch.stack([pictures[k] for k in range(begin, min(begin + BATCH, len(files)))])
            maps.clear()
            last = body(batch)
            rows.append(torch.cat([*maps, last], 1).numpy())
    return np.concatenate(rows)


def _metric(judged: Judged, name: str) -> float:
    return judged.evaluation.metrics[name].value


def _least_cosine(left: np.ndarray, right: np.ndarray) -> float:
    sizes = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return float((np.einsum("nd,nd->n", left, right) / sizes).min())


if __name__ == "__main__":
    print(json.dumps(compare(Path(sys.argv[1]), Path(sys.argv[2]))))
