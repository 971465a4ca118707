"""A training step of headstart against a plain loop (fp32, default layout), on the same items in one run.

    python benchmarks/training_throughput.py [--steps 6] [--batch 32]

Headstart's step is that of `headstart.tune.training.loop`: bf16 autocast and channels last where the hardware supports
bf16, and a fused AdamW. The plain loop is fp32, eager, with torch's default AdamW. Both have the same body with a fresh
linear head on its last features. Tensors are prepared in advance, so that only the step is timed. Medians of
alternating steps.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from _common import goal, table, write_section
from torch import nn

GOALS = {"ResNet-18": 3.0, "MobileNetV2": 2.0, "MiniLM, 16 tokens": 2.0}


def main() -> None:
    """Measure three bodies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch", type=int, default=32)
    given = parser.parse_args()
    rows = []
    for name, make in (("ResNet-18", _pictures("resnet18")), ("MobileNetV2", _pictures("mobilenetv2_100")),
                       ("MiniLM, 16 tokens", _texts)):  # fmt: skip
        plain, ours = make(given.batch, fast=False), make(given.batch, fast=True)
        seconds: dict[str, list[float]] = {"plain": [], "ours": []}
        for step in range(given.steps + 1):
            for label, run in (("plain", plain), ("ours", ours)):
                began = time.perf_counter()
                run()
                if step:  # the first one warms up
                    seconds[label].append(time.perf_counter() - began)
        rates = {label: given.batch / statistics.median(found) for label, found in seconds.items()}
        ratio = rates["ours"] / rates["plain"]
        wanted = GOALS[name]
        rows.append([name, f"{rates['plain']:.1f}", f"{rates['ours']:.1f}",
                     goal(f"{ratio:.1f}x", f"{wanted:g}x", reached=ratio >= wanted)])  # fmt: skip
        print(rows[-1], flush=True)
    write_section("Training throughput", table(["body", "plain, items/s", "ours, items/s", "ratio"], rows))


def _pictures(architecture: str) -> Callable[..., Callable[[], None]]:
    def make(batch: int, *, fast: bool) -> Callable[[], None]:
        import timm

        body = timm.create_model(architecture, num_classes=10).train()
        pictures = torch.rand(batch, 3, 224, 224)
        if fast:
            from headstart.tune.training.device import channels_last

            body, pictures = channels_last(body), pictures.to(memory_format=torch.channels_last)
        return _step(body, lambda: body(pictures), batch, fast=fast)

    return make


def _texts(batch: int, *, fast: bool) -> Callable[[], None]:
    from headstart.sources import open_source
    from headstart.sources.bodies.trainable import trainable

    source = open_source("headstart:text")
    found = trainable(source)
    texts = [f"why was my card payment declined in the shop again {k}" for k in range(batch)]
    inputs = found.collate([source.prepare(text) for text in texts])
    body, head = found.module.train(), nn.Linear(384, 10)
    for name, parameter in body.named_parameters():  # as in lp_ft, for both
        parameter.requires_grad_("word_embeddings" not in name and "position_embeddings" not in name)
    both = nn.ModuleList([body, head])
    return _step(both, lambda: head(found.forward(body, inputs)[-1]), batch, fast=fast)


def _step(module: nn.Module, logits: Callable[[], Any], batch: int, *, fast: bool) -> Callable[[], None]:
    from headstart.tune.training.device import autocast
    from headstart.tune.training.job import ParameterGroup
    from headstart.tune.training.optimizer import make_optimizer
    from headstart.tune.training.settings import Training

    moving = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if fast:
        optimizer: Any = make_optimizer(moving, [ParameterGroup(tuple(moving))], Training())
    else:
        optimizer = torch.optim.AdamW(moving.values(), lr=5e-4)
    labels = torch.arange(batch) % 10

    def step() -> None:
        optimizer.zero_grad()
        with autocast("cpu", "auto" if fast else "fp32"):
            loss = nn.functional.cross_entropy(logits().float(), labels)
        loss.backward()
        optimizer.step()

    return step


if __name__ == "__main__":
    main()
