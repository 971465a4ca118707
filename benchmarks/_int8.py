"""The variants of `without_bf16.py`: fp32 and int8 extraction in parts, the plain loop, accuracy, and the peaks.

Each function takes the settings of a `_common.Worker` and returns the function to run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from _plain import Run, Settings

from headstart.data import read
from headstart.engine.backends.int8_graph import Ranges, measure_ranges, quantised
from headstart.engine.backends.openvino import import_openvino, openvino_streams
from headstart.engine.body.machine import cores
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.engine.variants.int8_body import calibrate
from headstart.evaluate.intervals.shares import paired_shares
from headstart.heads import HeadSearch
from headstart.reporting import SilentReporter
from headstart.sources import open_source
from headstart.sources.quantized import QuantizedSource
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.judge import judge
from headstart.transfer.stages.prepare import prepare
from headstart.types import Dataset

BATCH = 32
CALIBRATING = 128


def labelled(settings: Settings) -> Dataset:
    """The data set, or every ``step``-th item of it."""
    dataset = read(settings["data"])
    return dataset.take(np.arange(0, len(dataset), settings.get("step", 1)))


def _order(settings: Settings, dataset: Dataset) -> list[np.ndarray]:
    """All items in a random order, in parts."""
    return np.array_split(np.random.default_rng(0).permutation(len(dataset)), settings["parts"])


def _timed(work: Callable[[], int]) -> dict[str, Any]:
    """Wall-clock and CPU seconds of a call that returns how many items it processed."""
    wall, cpu = time.perf_counter(), time.process_time()
    count = work()
    return {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu, "count": count}


def part(settings: Settings) -> Run:
    """Each run extracts the next part of the data set with stored features, in fp32 or int8; all items occur once."""
    source: Any = open_source(settings["source"], modality=settings["modality"])
    dataset = labelled(settings)
    train = np.flatnonzero(dataset.split == "train") if dataset.split is not None else np.arange(len(dataset))
    few = dataset.take(np.random.default_rng(0).permutation(train)[:CALIBRATING]).items
    extract(source, few[:BATCH], engine=Engine(cache=False))  # sets up the body
    calibrating = time.process_time()
    if settings["int8"]:
        source = in_int8(source, few)
        np.savez(settings["ranges"], **source.ranges.to_arrays())
        extract(source, few[:BATCH], engine=Engine(cache=False))
    calibrating = time.process_time() - calibrating
    parts = iter(_order(settings, dataset))

    def run() -> dict[str, Any]:
        chosen = dataset.take(next(parts)).items
        form = []

        def work() -> int:
            found = extract(source, chosen, engine=Engine())
            form.append(f"{found.backend} {found.precision}")
            return len(chosen)

        return {**_timed(work), "form": form[0], "calibrating": calibrating}

    return run


def in_int8(source: Any, items: Sequence[Any]) -> QuantizedSource:
    """A source in int8, calibrated on some items."""
    ready = [source.prepare(item) for item in items]
    return QuantizedSource(source, calibrate(source.body, [np.stack(b) for b in _batches(ready)]).ranges)


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[k : k + BATCH] for k in range(0, len(items), BATCH))


def plain_part(settings: Settings) -> Run:
    """A torch DataLoader with two workers over some items of the next part, and the plain module in fp32, eager."""
    import torch
    from torch.utils.data import DataLoader

    source: Any = open_source(settings["source"], modality=settings["modality"])
    dataset = labelled(settings)
    module, forward = source.body.access.built()
    parts = iter(_order(settings, dataset))

    def run() -> dict[str, Any]:
        chosen = dataset.take(next(parts)[: settings["most"]]).items
        loader = DataLoader(_Prepared(source, chosen), batch_size=BATCH, num_workers=2)

        def work() -> int:
            with torch.inference_mode():
                rows = [torch.cat([b.float() for b in forward(module, batch)], dim=-1).numpy() for batch in loader]
            np.save(settings["out"], np.concatenate(rows))
            return len(chosen)

        return {**_timed(work), "children": 2}

    with torch.inference_mode():
        for _ in range(2):
            forward(module, torch.from_numpy(np.stack([source.prepare(one) for one in dataset.items[:BATCH]])))
    return run


@dataclass(frozen=True)
class _Prepared:
    """A torch dataset of items, prepared one by one."""

    source: Any
    items: Sequence[Any]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        import torch

        return torch.from_numpy(np.ascontiguousarray(self.source.prepare(self.items[index])))


def accuracy(settings: Settings) -> Run:
    """Accuracy of the heads on stored fp32 and int8 rows on the test part, with the paired interval."""

    def run() -> dict[str, Any]:
        started, silent = time.perf_counter(), SilentReporter()
        source: Any = open_source(settings["source"], modality=settings["modality"])
        with np.load(settings["ranges"]) as arrays:
            quick = QuantizedSource(source, Ranges.from_arrays(dict(arrays)))
        usual = prepare(labelled(settings), source, RunContext(silent, Engine()))
        fresh = usual.extraction.encoded
        rounded = extract(quick, usual.dataset.items, engine=Engine())
        if fresh + rounded.encoded > settings["most_fresh"] or len(rounded.index) != len(usual.dataset):
            raise RuntimeError(f"{fresh} and {rounded.encoded} items were encoded again.")
        found = [judge(one, HeadSearch(), 0, silent) for one in (usual, replace(usual, rows=rounded.rows))]
        plan = found[0].plan
        truth = usual.dataset.take(plan.evaluated).labelled()[1]
        right = [(one.outputs.argmax(axis=1) == truth).astype(float) for one in found]
        low, high = paired_shares(right[1], right[0])
        return {
            "seconds": time.perf_counter() - started, "count": len(truth), "how": plan.how,
            "accuracy": [float(one.mean()) for one in right], "low": low, "high": high,
            "losses": [one.model.head.loss for one in found],
        }  # fmt: skip

    return run


def peaks(settings: Settings) -> Run:
    """Each run: the rate of convolutions and of the body alone, in fp32 and in int8, and what the plugin ran."""
    import torch

    source: Any = open_source(settings["source"], modality="image")
    pictures = [np.random.default_rng(k).integers(0, 256, (256, 256, 3)).astype(np.uint8) for k in range(2 * BATCH)]
    ready = [source.prepare(one) for one in pictures]
    bodies = {"fp32": source, "int8": in_int8(source, pictures)}
    extract(source, pictures[:BATCH], engine=Engine(cache=False))
    flop = _flop(source, torch.from_numpy(ready[0][None].copy()))
    made = _convolutions()
    pool = ThreadPoolExecutor(openvino_streams())

    def rate(work: Callable[[], int]) -> float:
        started = time.perf_counter()
        done = work()
        return done / (time.perf_counter() - started)

    def encode(one: Any) -> int:
        list(pool.map(one.forward, [ready[:BATCH], ready[BATCH:]]))
        return len(ready)

    def run() -> dict[str, Any]:
        started = time.perf_counter()
        best = {
            kind: max(rate(layer) for _ in range(3) for layer in layers) / 1e12 for kind, (layers, _) in made.items()
        }
        alone = {kind: max(rate(lambda one=one: encode(one)) for _ in range(2)) for kind, one in bodies.items()}
        kernels = {kind: names for kind, (_, names) in made.items()}
        return {
            "seconds": time.perf_counter() - started, "count": 1, "peak": best, "alone": alone, "flop": flop,
            "kernels": kernels,
        }  # fmt: skip

    return run


def _flop(source: Any, picture: Any) -> int:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    module, forward = source.body.access.built()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        forward(module, picture)
    return int(counter.get_total_flops())


def _convolutions() -> dict[str, tuple[list[Callable[[], int]], list[str]]]:
    """Stacks of convolutions that return how many operations they did, and the names of the kernels."""
    ov = import_openvino()
    found: dict[str, tuple[list[Callable[[], int]], list[str]]] = {"fp32": ([], []), "int8": ([], [])}
    for width, side, kernel in ((256, 28, 3), (512, 28, 1), (1024, 14, 1)):
        items = np.random.default_rng(0).standard_normal((16, width, side, side)).astype(np.float32)
        model = _stack(width, side, kernel)
        for kind, form in (("fp32", model), ("int8", quantised(model, measure_ranges(model, [items])))):
            options = {
                "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": str(cores()),
                "ENABLE_CPU_PINNING": "NO",
            }  # fmt: skip
            compiled = ov.Core().compile_model(form, "CPU", options)
            operations = 4 * 2 * math.prod(items.shape) * width * kernel**2
            found[kind][0].append(_layer(compiled.create_infer_request(), items, operations))
            found[kind][1].extend(_kernels(compiled) - set(found[kind][1]))
    return found


def _layer(request: Any, items: np.ndarray, operations: int) -> Callable[[], int]:
    def work() -> int:
        request.infer([items], share_inputs=True)
        return operations

    work()
    return work


def _stack(width: int, side: int, kernel: int) -> Any:
    """Four convolutions with ReLU."""
    ov = import_openvino()
    import openvino.opset13 as ops

    rng, pad = np.random.default_rng(0), [kernel // 2] * 2
    first = value = ops.parameter([-1, width, side, side], np.float32)
    for _ in range(4):
        weight = (rng.standard_normal((width, width, kernel, kernel)) / np.sqrt(width * kernel**2)).astype(np.float32)
        value = ops.relu(ops.convolution(value, ops.constant(weight), [1, 1], pad, pad, [1, 1]))
    return ov.Model([value.output(0)], [first], "stack")


def _kernels(compiled: Any) -> set[str]:
    """The kernels of a compiled model's convolutions, whose names contain the instruction set."""
    facts: list[Mapping[str, Any]] = [op.get_rt_info() for op in compiled.get_runtime_model().get_ops()]
    return {str(one["primitiveType"].astype(str)) for one in facts if one["layerType"].astype(str) == "Convolution"}
