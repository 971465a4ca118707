"""Exported models against the model: differences, flipped labels, latency, throughput and sizes, on real items.

    python benchmarks/export.py RUN DATA [--formats onnx openvino openvino_fp16] [--items 500]

For each format: the largest difference of a probability from the model with its body in fp32 and from ``predict``, the
labels that differ, the time of one item and items per second in batches of 32 (of the graph alone, on prepared inputs),
and the size of the folder. The same times for the body and the head in torch, in fp32 and in bf16.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headstart.export.checking.items import items_to_check
from headstart.export.export import export
from headstart.export.graph.onnx_file import model_graph, traced_module
from headstart.model import TransferModel
from headstart.sources.transformers.text_body import TextBody

BATCH, REPEATS = 32, 30


def median_seconds(call: Callable[[], Any]) -> float:
    """The median of some runs, after two that warm up."""
    for _ in range(2):
        call()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def prepared(model: TransferModel, items: Sequence[Any]) -> dict[str, np.ndarray[Any, Any]]:
    """The inputs of the graph, after decoding, cropping or tokenizing."""
    source: Any = model.source
    ready = [source.prepare(item) for item in items]
    if source.info.modality == "image":
        return {"pixels": np.stack(ready)}
    if isinstance(source, TextBody):
        batch = source.trainable().collate(ready)
        return {name: batch[name].numpy() for name in ("input_ids", "attention_mask")}
    raise SystemExit("this benchmark times pictures and texts; of sounds it compares the answers only")


def torch_times(model: TransferModel, one: dict[str, Any], many: dict[str, Any]) -> None:
    """Print latency and throughput in torch."""
    import torch

    graph = model_graph(model, "onnx")
    module = traced_module(model, graph)
    for name in ("fp32", "bf16"):

        def run(batch: dict[str, Any], name: str = name) -> None:
            inputs = [torch.from_numpy(batch[key]) for key in graph.examples]
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=name == "bf16"):
                module(*inputs)

        report(f"torch {name}", median_seconds(lambda: run(one)), median_seconds(lambda: run(many)))


def report(name: str, single: float, batch: float) -> None:
    """Print one line of times."""
    print(f"{name:16} {1000 * single:8.2f} ms   {BATCH / batch:9.1f} items/s", flush=True)


def runtime_times(folder: Path, name: str, one: dict[str, Any], many: dict[str, Any]) -> None:
    """Print latency and throughput of an exported graph."""
    if name == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(folder / "model.onnx"))

        def run(batch: dict[str, Any]) -> None:
            session.run(None, batch)
    else:
        import openvino

        settings = {"INFERENCE_PRECISION_HINT": "f32"}
        compiled = openvino.Core().compile_model(folder / "model.xml", "CPU", settings)

        def run(batch: dict[str, Any]) -> None:
            compiled(batch)

    report(name, median_seconds(lambda: run(one)), median_seconds(lambda: run(many)))


def main() -> None:
    """Export a run in each format, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("data")
    parser.add_argument("--formats", nargs="+", default=["onnx", "openvino", "openvino_fp16"])
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--no-times", action="store_true")
    args = parser.parse_args()
    model = TransferModel.load(args.run)
    items = list(items_to_check(model, args.data, most=args.items).items)
    timed = None if args.no_times else (prepared(model, items[:1]), prepared(model, items[:BATCH]))
    if timed is not None:
        torch_times(model, *timed)
    for name in args.formats:
        with tempfile.TemporaryDirectory() as place:
            found = export(model, name, Path(place) / "out", check=items, tolerance=1.0)
            gap, predict = found.parity.difference, found.parity.predict
            size = sum(found.sizes.values()) / 1e6
            print(
                f"{name:16} {found.parity.items} items, {gap.largest:.1e} from fp32, {gap.flips} flips; "
                f"{predict.largest:.1e} from predict ({found.parity.runtime}), {predict.flips} flips; {size:.1f} MB"
            )
            if timed is not None:
                runtime_times(found.folder, name, *timed)


if __name__ == "__main__":
    main()
