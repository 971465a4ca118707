"""Reference implementations, as the documentation of other libraries shows them, and the limits of the machine.

Each function takes the settings of a `_common.Worker` and returns the function to run.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Run = Callable[[], dict[str, Any]]
Settings = dict[str, Any]


@dataclass(frozen=True)
class Pictures:
    """A torch dataset of image files."""

    files: Sequence[str]
    transform: Callable[[Any], Any]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Any:
        from PIL import Image

        return self.transform(Image.open(self.files[index], formats=("JPEG", "PNG")).convert("RGB"))


@dataclass(frozen=True)
class Sounds:
    """A torch dataset of sound files as log-mel spectrograms, the same as headstart's."""

    files: Sequence[str]
    mean: Sequence[float]
    std: Sequence[float]
    side: int

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Any:
        import soundfile
        import torch

        from headstart.sources.preprocessing.mel import log_mel, picture, resample
        from headstart.sources.spectrogram import PictureSettings

        s = PictureSettings()
        samples, rate = soundfile.read(self.files[index], dtype="float32", always_2d=True)
        wave = resample(samples.mean(axis=1), rate, s.sample_rate)
        bands = log_mel(
            wave, s.sample_rate, sample_rate=s.sample_rate, n_fft=s.n_fft, hop=max(1, round(len(wave) / s.frames)),
            n_mels=s.n_mels, fmin=s.fmin, fmax=s.sample_rate / 2,
        )  # fmt: skip
        grey = np.round(255 * picture(bands, self.side, range_db=s.range_db)) / 255
        colours = (grey - np.reshape(self.mean, (3, 1, 1))) / np.reshape(self.std, (3, 1, 1))
        return torch.from_numpy(colours.astype(np.float32))


def timm_body(checkpoint: str) -> tuple[Any, dict[str, Any]]:
    """A body of timm without its classifier, in fp32, and timm's data configuration.

    Args:
        checkpoint: a ``.safetensors`` file with a ``.json`` beside it, or a folder of timm.
    """
    import timm
    from safetensors.torch import load_file

    path = Path(checkpoint)
    if path.is_dir():
        facts = json.loads((path / "config.json").read_text())
        config, arguments, weights = facts["pretrained_cfg"], facts.get("model_args", {}), path / "model.safetensors"
    else:
        facts = json.loads(path.with_suffix(".json").read_text())
        config, arguments, weights = dict(facts), facts["timm_kwargs"], path
        config["interpolation"] = config["interpolation"].split()[0]
    body = timm.create_model(facts["architecture"], pretrained=False, num_classes=0, **arguments)
    tensors = {name: value.float() for name, value in load_file(weights).items()}
    body.load_state_dict({name: tensors[name] for name in body.state_dict()})
    wanted = {key: config[key] for key in ("input_size", "mean", "std", "interpolation", "crop_pct") if key in config}
    return body.eval(), timm.data.resolve_data_config({}, pretrained_cfg=wanted, model=body)


def images(settings: Settings) -> Run:
    """Files to saved features: a DataLoader with timm's own transform, fp32, eager, default layout."""
    import timm

    body, config = timm_body(settings["checkpoint"])
    return _loader_run(settings, body, Pictures(settings["items"], timm.data.create_transform(**config)))


def sounds(settings: Settings) -> Run:
    """Sound files to saved features: a DataLoader that computes the spectrograms, fp32, eager, default layout."""
    body, config = timm_body(settings["checkpoint"])
    return _loader_run(
        settings, body, Sounds(settings["items"], config["mean"], config["std"], config["input_size"][-1])
    )


def _loader_run(settings: Settings, body: Any, dataset: Any) -> Run:
    import torch
    from torch.utils.data import DataLoader

    device = torch.device(settings.get("device", "cpu"))
    body = body.to(device)
    loader = DataLoader(dataset, batch_size=32, num_workers=settings["workers"])

    def run() -> dict[str, Any]:
        started = time.perf_counter()
        with torch.inference_mode():
            rows = [body(batch.to(device)).cpu().numpy() for batch in loader]
        np.save(settings["out"], np.concatenate(rows))
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "count": len(dataset), "children": settings["workers"]}

    if settings["warm"]:
        with torch.inference_mode():
            few = torch.stack([dataset[i] for i in range(min(32, len(dataset)))]).to(device)
            for _ in range(2):
                body(few)
    return run


def timm_files(settings: Settings) -> Run:
    """The validation loop of timm, without the scores: its loader (prefetching onto a GPU), amp, channels last."""
    import timm
    import torch

    device = torch.device(settings["device"])
    body, config = timm_body(settings["checkpoint"])
    body = body.to(device).to(memory_format=torch.channels_last)
    with_labels = [(file, 0) for file in settings["items"]]
    loader = timm.data.create_loader(
        _Labelled(with_labels), config["input_size"], batch_size=settings["batch"], is_training=False,
        use_prefetcher=device.type == "cuda", interpolation=config["interpolation"], mean=config["mean"],
        std=config["std"], num_workers=settings["workers"], crop_pct=config["crop_pct"], device=device,
    )  # fmt: skip

    def run() -> dict[str, Any]:
        started = time.perf_counter()
        rows = []
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
            for batch, _ in loader:
                moved = batch.to(device).contiguous(memory_format=torch.channels_last)
                rows.append(body(moved).float().cpu().numpy())
        np.save(settings["out"], np.concatenate(rows))
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "count": len(with_labels), "children": settings["workers"]}

    if settings["warm"]:
        run()
    return run


class _Labelled:
    """Files with labels, with the ``transform`` that timm's loader sets."""

    def __init__(self, files: Sequence[tuple[str, int]]) -> None:
        self.files = files
        self.transform: Callable[[Any], Any] | None = None

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        from PIL import Image

        file, label = self.files[index]
        if self.transform is None:
            raise RuntimeError("timm's loader has set no transform.")
        return self.transform(Image.open(file, formats=("JPEG", "PNG")).convert("RGB")), label


def timm_ready(settings: Settings) -> Run:
    """The benchmark loop of timm: one random batch on the device, amp, channels last."""
    import torch

    device = torch.device(settings["device"])
    body, config = timm_body(settings["checkpoint"])
    body = body.to(device).to(memory_format=torch.channels_last)
    batch = torch.randn(settings["batch"], *config["input_size"], device=device)
    batch = batch.contiguous(memory_format=torch.channels_last)

    def run() -> dict[str, Any]:
        _wait(device)
        started = time.perf_counter()
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
            for _ in range(settings["batches"]):
                body(batch)
        _wait(device)
        return {"seconds": time.perf_counter() - started, "count": settings["batches"] * len(batch)}

    if settings["warm"]:
        run()
    return run


def _wait(device: Any) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize()


def sentences(settings: Settings) -> Run:
    """`SentenceTransformer.encode` with its default arguments."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(settings["checkpoint"])
    texts = settings["items"]

    def run() -> dict[str, Any]:
        started = time.perf_counter()
        np.save(settings["out"], model.encode(texts))
        return {"seconds": time.perf_counter() - started, "count": len(texts)}

    if settings["warm"]:
        model.encode(texts[:64])
    return run


def openvino_by_hand(settings: Settings) -> Run:
    """OpenVINO as its documentation shows it: the last layer of one prepared float batch, asynchronous requests."""
    import openvino as ov
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    body, config = timm_body(settings["checkpoint"])
    batch = torch.randn(32, *config["input_size"])
    with torch.no_grad():
        traced = torch.jit.trace(body, batch, check_trace=False)
    frontend = FrontEndManager().load_by_framework("pytorch")
    decoder = TorchScriptPythonDecoder(traced)  # must live until the model is converted
    model = frontend.convert(frontend.load(decoder))
    model.reshape(list(batch.shape))
    core = ov.Core()
    precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
    tensor = ov.Tensor(batch.numpy())
    threads = os.cpu_count() or 1
    queues = []
    for streams in (1, 2):
        compiled = core.compile_model(
            model, "CPU",
            {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": threads},
        )  # fmt: skip
        queues.append(ov.AsyncInferQueue(compiled, streams))

    def seconds(queue: Any, batches: int) -> float:
        started = time.perf_counter()
        for _ in range(batches):
            queue.start_async({0: tensor})
        queue.wait_all()
        return time.perf_counter() - started

    for queue in queues:
        seconds(queue, 2)
    best = min(queues, key=lambda queue: seconds(queue, 4))

    def run() -> dict[str, Any]:
        return {"seconds": seconds(best, settings["batches"]), "count": 32 * settings["batches"], "form": precision}

    return run


def matrix_products(settings: Settings) -> Run:
    """The best TFLOP/s of square matrix products in fp32 and, where the hardware supports it, in bf16.

    Emulated products in bf16 take minutes and are no limit of the machine. With a body, its FLOP per image too.
    """
    import torch

    from headstart.engine.backends.cuda import cuda_half_precision
    from headstart.engine.backends.torch_cpu import cpu_has_bf16

    device = torch.device(settings.get("device", "cpu"))
    sizes = (2048, 3072, 4096) if device.type == "cpu" else (4096, 8192)
    flop = _flop(settings["checkpoint"]) if "checkpoint" in settings else None
    short = cpu_has_bf16() if device.type == "cpu" else cuda_half_precision() == "bf16"
    kinds = {**({"bf16": torch.bfloat16} if short else {}), "fp32": torch.float32}

    def run() -> dict[str, Any]:
        started = time.perf_counter()
        best = {
            kind: max(rate for size in sizes for rate in _products(size, dtype, device))
            for kind, dtype in kinds.items()
        }
        return {"seconds": time.perf_counter() - started, "count": 1, "flop": flop, **best}

    if settings["warm"]:
        list(_products(sizes[0], next(iter(kinds.values())), device))
    return run


def _products(size: int, dtype: Any, device: Any) -> Iterator[float]:
    import torch

    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    for _ in range(3):
        _wait(device)
        started = time.perf_counter()
        torch.mm(a, b)
        _wait(device)
        yield 2 * size**3 / (time.perf_counter() - started) / 1e12


def _flop(checkpoint: str) -> int:
    """Floating-point operations for one image (a multiplication and an addition count as two)."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    body, config = timm_body(checkpoint)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        body(torch.zeros(1, *config["input_size"]))
    return int(counter.get_total_flops())


def random_resnet(settings: Settings) -> Run:
    """Write a checkpoint folder of timm: a ResNet-50 of random weights, with activations of realistic size."""
    import timm
    import torch
    from safetensors.torch import save_file

    def run() -> dict[str, Any]:
        started = time.perf_counter()
        torch.manual_seed(0)
        body = timm.create_model("resnet50", pretrained=False, zero_init_last=False)
        for layer in body.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.momentum = 1.0  # one batch sets the running statistics
        with torch.no_grad():
            body.train()(torch.randn(8, 3, 224, 224))
        folder = Path(settings["folder"])
        folder.mkdir(parents=True)
        save_file(body.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
        kept = ("input_size", "mean", "std", "interpolation", "crop_pct", "num_classes")
        facts = {
            "architecture": "resnet50",
            "num_features": body.num_features,
            "model_args": {},
            "pretrained_cfg": {key: body.pretrained_cfg[key] for key in kept},
        }
        (folder / "config.json").write_text(json.dumps(facts))
        return {"seconds": time.perf_counter() - started, "count": 1}

    return run


def least_cosine(settings: Settings) -> Run:
    """The least cosine similarity of the rows that two variants saved for the same items."""

    def run() -> dict[str, Any]:
        one, other = (np.load(file) for file in settings["files"])
        n = min(len(one), len(other))
        one, other = one[:n].astype(np.float64), other[:n].astype(np.float64)
        cosines = (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
        return {"seconds": 0.0, "count": n, "least": float(cosines.min())}

    return run
