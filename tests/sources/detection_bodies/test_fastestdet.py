"""The network equals the publisher's own graph, at every size of pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.sources.detection_bodies.fastestdet import STRIDES, FastestDet, parts_of


@pytest.mark.parametrize("size", [(64, 64), (96, 64), (72, 88)])
def test_maps_have_their_strides(size: tuple[int, int]) -> None:
    body = FastestDet(classes=0).eval()
    found: dict[str, torch.Tensor] = {}
    for stride, name in STRIDES.items():
        body.get_submodule(name).register_forward_hook(lambda _m, _i, out, name=name: found.update({name: out}))
        assert stride in (8, 16, 32)
    with torch.inference_mode():
        body(torch.zeros(1, 3, *size))
    for stride, name in STRIDES.items():
        assert found[name].shape[2:] == torch.Size([-(-side // stride) for side in size])


def test_the_parts_of_a_file_follow_from_its_names() -> None:
    whole = {name: tuple(value.shape) for name, value in FastestDet(classes=7).state_dict().items()}
    assert parts_of(whole) == (True, 7)
    assert parts_of({name: shape for name, shape in whole.items() if name.startswith("backbone.")}) == (False, 0)
    with pytest.raises(ValueError, match="more than 10000"):
        parts_of({**whole, "detect_head.cls_layers.conv5x5.3.weight": (20_000, 96, 1, 1)})


def test_a_trunk_alone_has_no_detections() -> None:
    with pytest.raises(ValueError, match="no detection head"):
        FastestDet(neck=False, classes=0).detections(torch.zeros(1, 3, 32, 32))


@pytest.mark.realdata
def test_it_equals_the_published_graph(real_data) -> None:  # type: ignore[no-untyped-def]
    from safetensors.torch import load_file

    runtime = pytest.importorskip("onnxruntime")
    body = FastestDet().eval()
    body.load_state_dict(load_file(real_data / "weights" / "fastestdet_coco.safetensors"))
    picture = np.random.default_rng(0).random((1, 3, 352, 352), np.float32)
    [wanted] = runtime.InferenceSession(str(real_data / "weights" / "fastestdet.onnx")).run(None, {"input.1": picture})
    with torch.inference_mode():
        found = body.detections(torch.from_numpy(picture)).numpy()
    assert np.abs(found - wanted).max() < 1e-4
