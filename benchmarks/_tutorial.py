"""The recipe of PyTorch's transfer learning tutorial: a frozen body, a new linear layer, ten epochs of SGD.

    python benchmarks/_tutorial.py FOLDER CHECKPOINT [EPOCHS]

Chilamkurthy, "Transfer Learning for Computer Vision Tutorial", the part "ConvNet as fixed feature extractor": its
images, augmentations, optimiser, schedule and evaluation after every epoch, in batches of 32 and with this body.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from _plain import timm_body
from torch import nn, optim
from torch.optim import lr_scheduler
from torchvision import datasets, transforms


def main(folder: str, checkpoint: str, epochs: int) -> None:
    """Train, and print the seconds per epoch and the best accuracy."""
    body, config = timm_body(checkpoint)
    normalise = [transforms.ToTensor(), transforms.Normalize(config["mean"], config["std"])]
    seen = {
        "train": [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(), *normalise],
        "val": [transforms.Resize(256), transforms.CenterCrop(224), *normalise],
    }
    sets = {part: datasets.ImageFolder(Path(folder) / part, transforms.Compose(seen[part])) for part in seen}
    loaders = {
        part: torch.utils.data.DataLoader(sets[part], batch_size=32, shuffle=True, num_workers=2) for part in seen
    }
    for parameter in body.parameters():
        parameter.requires_grad = False
    model = nn.Sequential(body, nn.Linear(body.num_features, len(sets["train"].classes)))
    optimiser = optim.SGD(model[1].parameters(), lr=0.001, momentum=0.9)
    schedule = lr_scheduler.StepLR(optimiser, step_size=7, gamma=0.1)
    best, seconds = 0.0, []
    for _ in range(epochs):
        started = time.perf_counter()
        _train(model, loaders["train"], optimiser)
        schedule.step()
        best = max(best, _accuracy(model, loaders["val"]))
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"epochs": seconds, "accuracy": best}))


def _train(model: nn.Module, loader: Any, optimiser: optim.Optimizer) -> None:
    model.train()
    criterion = nn.CrossEntropyLoss()
    for inputs, labels in loader:
        optimiser.zero_grad()
        criterion(model(inputs), labels).backward()
        optimiser.step()


def _accuracy(model: nn.Module, loader: Any) -> float:
    model.eval()
    right = total = 0
    with torch.no_grad():
        for inputs, labels in loader:
            right += int((model(inputs).argmax(1) == labels).sum())
            total += len(labels)
    return right / total


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 10)
