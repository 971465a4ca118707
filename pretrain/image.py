"""Pre-train the body of ``headstart:image``: a small ResNet is distilled from larger teachers.

    python pretrain/image.py --images tiny-imagenet-200 --weights ../shared/data/weights --out pretrained

The student starts from random weights and is trained on the images of Tiny-ImageNet-200's parts ``train`` and ``test``,
64 pixels a side, without those that are also in an evaluation set (image_excluded.txt). No labels are used. The
teachers are the MobileNetV2 bodies named in image.json, which encode the same images once, with 224 pixels a side.
After each epoch, the log gets the loss on 1,000 held-out images, and the leave-one-out accuracy of a ridge head on the
student's features for the 200 classes of images of the part ``val``. A killed training resumes. The same call gives the
same weights on the same kind of machine.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.io import file_digest, write_json
from headstart.scores import leave_one_out_ridge
from headstart.sources import open_source
from headstart.sources.timm_architecture import timm_architecture
from headstart.tune.distillation.distill import DistillationLoss, distilled
from headstart.tune.training.settings import Budget, Training
from headstart.types import Source, Task

HERE = Path(__file__).parent
PROBED = 4000  # images of the part val


def main() -> None:
    """Pre-train, and write the body in the form that the package ships."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="the unpacked folder tiny-imagenet-200")
    parser.add_argument("--weights", type=Path, required=True, help="folder with the teachers' checkpoints")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints, the log and the body")
    parser.add_argument("--config", type=Path, default=HERE / "image.json", help="default: image.json beside this file")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=JSON", help="settings to change, such as epochs=2")
    parser.add_argument("--pictures", type=int, help="train on this many images only")
    given = parser.parse_args()
    config = _with(json.loads(given.config.read_text()), given.set)
    excluded = set((HERE / "image_excluded.txt").read_text().split())
    items = [str(given.images / name) for name in pictures(given.images) if name not in excluded]
    if given.pictures is not None:
        items = [items[k] for k in np.random.default_rng(0).permutation(len(items))[: given.pictures]]
    student = timm_architecture(
        config["architecture"], side=config["side"], seed=config["seed"], model_args=config["model_args"]
    )
    teachers = [open_source(f"local:{given.weights / name}.safetensors") for name in config["teachers"]]
    print(f"{len(items)} pictures, {student.info.parameters:,} parameters", flush=True)
    began = time.monotonic()
    found = distilled(
        teachers, student, items, loss=DistillationLoss(**config["loss"]), training=Training(**config["training"]),
        seed=config["seed"], budget=Budget(folder=given.out / "checkpoints", logs=given.out, progress=_Printed()),
        probe=_probe(given.images),
    )  # fmt: skip
    print(f"{time.monotonic() - began:.0f} s; {found.outcome.stopped}; loss {found.outcome.loss:.4f}", flush=True)
    _ship(found.source, given.out / "image", config)


def _with(config: dict[str, Any], changes: list[str]) -> dict[str, Any]:
    """The configuration with changed settings, each found by its name at either level."""
    for change in changes:
        name, _, value = change.partition("=")
        owner = next((part for part in (config, config["training"], config["loss"]) if name in part), None)
        if owner is None:
            raise SystemExit(f"Unknown setting '{name}'; give one that is in the configuration, such as epochs=2.")
        owner[name] = json.loads(value)
    return config


def pictures(images: Path) -> list[str]:
    """Names of the images of the parts train and test, relative to the folder."""
    found = [*sorted(images.glob("train/*/images/*.JPEG")), *sorted(images.glob("test/images/*.JPEG"))]
    if not found:
        raise SystemExit(f"There are no pictures in '{images}'; give the unpacked folder tiny-imagenet-200.")
    return [path.relative_to(images).as_posix() for path in found]


def _probe(images: Path) -> Any:
    """Leave-one-out accuracy of a ridge head on images of the part ``val``, which are not used in training."""
    lines = [line.split("\t") for line in (images / "val" / "val_annotations.txt").read_text().splitlines()]
    lines = lines[:: max(1, len(lines) // PROBED)][:PROBED]
    labels = sorted({line[1] for line in lines})
    y = np.array([labels.index(line[1]) for line in lines])
    items, task = [str(images / "val" / "images" / line[0]) for line in lines], Task("classification", tuple(labels))

    def probe(source: Source) -> float:
        last = source.with_layers("last")  # type: ignore[attr-defined]
        rows = extract(last, items, engine=Engine(cache=False), on_error="raise").rows
        return float(leave_one_out_ridge(rows, y, task).accuracy or 0.0)

    return probe


class _Printed:
    """Prints every hundredth step."""

    def __call__(self, done: int, total: int, detail: str = "") -> None:
        if done % 100 == 0:
            print(f"{time.strftime('%H:%M:%S')} step {done} of {total}: {detail}", flush=True)


def _ship(source: Source, folder: Path, config: dict[str, Any]) -> None:
    """Write the body with 16-bit weights."""
    from safetensors.torch import load_file, save_file

    shutil.rmtree(folder, ignore_errors=True)
    source.save(folder)
    file = folder / "model.safetensors"
    tensors = {
        name: value.half() if value.is_floating_point() and value.ndim > 1 else value
        for name, value in load_file(file).items()
    }
    save_file(tensors, file, metadata={"format": "pt"})
    file.chmod(0o644)
    facts = json.loads((folder / "config.json").read_text())
    facts["pretrained_cfg"] = {**source.info.input, "license": "Apache-2.0"}
    facts |= {"num_params": source.info.parameters, "sha256": file_digest(file), "pretraining": config}
    write_json(folder / "config.json", facts)


if __name__ == "__main__":
    main()
