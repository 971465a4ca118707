"""OpenVINO: agreement with the plain module, rows that depend on the item alone, what is refused, what is kept."""

import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn

from headstart.engine.backends import openvino as running
from headstart.engine.backends import openvino_files, openvino_graph
from headstart.engine.body.agreement import agreement, measure_reference
from headstart.engine.body.machine import native_bf16
from headstart.engine.body.recipe import Recipe, recipe_key
from headstart.engine.frozen_body import FrozenBody
from headstart.errors import MissingExtraError, SaveError, SourceError

pytestmark = [
    pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed"),
    pytest.mark.usefixtures("own_cache"),
]
SHORT = "bf16" if native_bf16() else "fp32"
# that bf16 is chosen as its rows agree is tested on every CPU in test_number_format.py; here OpenVINO itself rounds
needs_bf16 = pytest.mark.skipif(SHORT == "fp32", reason="this CPU has no native bf16")


class Net(nn.Module):
    """Convolutions with normalisations, for pictures of bytes."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(8, 8, 3, groups=8), nn.BatchNorm2d(8), nn.ReLU6())
        for layer in (self.first[1], self.second[1]):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)


def net_forward(module, batch):
    x = batch.permute(0, 3, 1, 2).float()
    x = (x - torch.tensor([120.0, 110.0, 100.0]).view(1, 3, 1, 1)) / 60
    first = module.first(x)
    return [first.mean((2, 3)), module.second(first).mean((2, 3))]


def pictures(count=4, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 24, 24, 3), dtype=np.uint8)


class Bert(nn.Module):
    """Attention that does not see padding."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.words, self.places = nn.Embedding(50, 16), nn.Embedding(64, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, activation="gelu")

    def forward(self, ids, mask):
        x = self.words(ids) + self.places(torch.arange(ids.shape[1]))
        return x, self.layer(x, src_key_padding_mask=mask == 0)


def bert_forward(module, batch):
    weights = (batch["mask"] / batch["mask"].sum(1, keepdim=True)).unsqueeze(2)
    return [(x * weights).sum(1) for x in module(batch["ids"], batch["mask"])]


def texts(lengths=(9, 7, 5, 2), width=None, seed=0):
    width = width or max(lengths)
    ids, mask = np.zeros((len(lengths), width), np.int64), np.zeros((len(lengths), width), np.int64)
    rng = np.random.default_rng(seed)
    for row, length in enumerate(lengths):
        ids[row, :length] = rng.integers(1, 50, length)
        mask[row, :length] = 1
    return {"ids": ids, "mask": mask}


def net_recipe(lasting=True, key="net"):
    return Recipe(recipe_key(key), lambda: (Net().eval(), net_forward), pictures, lasting)


def bert_recipe():
    return Recipe(recipe_key("bert"), lambda: (Bert().eval(), bert_forward), texts)


def plain(recipe, batch):
    return measure_reference(*recipe.build(), [batch]).blocks[0]


def cosine(recipe, batch, rows):
    exact = plain(recipe, batch)
    return agreement(exact, np.split(rows, np.cumsum([block.shape[1] for block in exact])[:-1], axis=1))


@pytest.mark.parametrize(("recipe", "batch"), [(net_recipe(), pictures(7, 1)), (bert_recipe(), texts((11, 3, 6), 12))])
def test_rows_are_those_of_the_plain_module(recipe, batch):
    body = FrozenBody(recipe)
    assert body.choose("openvino") == f"openvino {SHORT}"
    assert ("cosine of at least" in body.note) == (SHORT == "bf16")
    rows = body(batch)
    assert rows.dtype == np.float32
    assert cosine(recipe, batch, rows) >= 0.999


@pytest.mark.parametrize(("recipe", "batch"), [(net_recipe(), pictures(7, 1)), (bert_recipe(), texts((11, 3, 6), 12))])
def test_fp32_rows_are_the_plain_ones(recipe, batch, monkeypatch):
    monkeypatch.setattr(openvino_graph, "native_bf16", lambda: False)
    body = FrozenBody(recipe)
    assert body.choose("openvino") == "openvino fp32"
    assert "has no native bf16" in body.note
    np.testing.assert_allclose(body(batch), np.concatenate(plain(recipe, batch), axis=1), atol=2e-5)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_row_depends_on_its_item_alone(precision, monkeypatch):
    monkeypatch.setattr(openvino_graph, "native_bf16", lambda: precision == "bf16")
    images, words = FrozenBody(net_recipe()), FrozenBody(bert_recipe())
    for body in (images, words):
        assert body.choose("openvino") == f"openvino {precision}"
    batch = pictures(9, 3)
    rows = images(batch)
    for begin, end in ((0, 1), (3, 5), (2, 9)):
        np.testing.assert_array_equal(images(batch[begin:end]), rows[begin:end])
    order = np.random.default_rng(0).permutation(9)
    np.testing.assert_array_equal(images(batch[order]), rows[order])
    for width in (32, 48, 64):  # sums run over vectors of 16 numbers
        np.testing.assert_array_equal(words(texts((13, 5, 3), width)), words(texts((13, 5, 3), 16)))
    np.testing.assert_allclose(words(texts((13, 5, 3))), words(texts((13, 5, 3), 16)), atol=1e-2)


def test_a_row_does_not_depend_on_threads(monkeypatch):
    batch, found = pictures(8, 3), []
    for threads in (1, 2):
        monkeypatch.setattr(running, "cores", lambda threads=threads: threads)
        body = FrozenBody(net_recipe())
        body.choose("openvino")
        assert body.streams == threads
        with ThreadPoolExecutor(body.streams + 1) as pool:  # one more than there are requests: it waits
            found += pool.map(body, [batch] * 6)
    for rows in found[1:]:
        np.testing.assert_array_equal(rows, found[0])


def test_blocks_of_positions_lie_side_by_side_on_the_last_axis():
    recipe = Recipe(recipe_key("positions"), lambda: (Bert().eval(), lambda m, b: list(m(b["ids"], b["mask"]))), texts)
    body = FrozenBody(recipe)
    body.choose("openvino")
    assert body(texts((6, 6))).shape == (2, 6, 32)


class Branch(nn.Module):
    """Another answer where the values are large: tracing sees only one branch."""

    def forward(self, x):
        return x * 2 if x.mean() > 0 else x[:, :1] + torch.zeros_like(x)


class Opaque(nn.Module):
    """Leaves torch in the middle."""

    def forward(self, x):
        return torch.from_numpy(np.cumsum(x.numpy(), axis=1))


class Fixed(nn.Module):
    """Knows only the number of items that it was traced with."""

    def forward(self, x):
        return x.reshape(int(x.shape[0]), -1) @ torch.ones(3, 3) * float(len(x))


@pytest.mark.parametrize("module", [Branch, Opaque, Fixed])
def test_what_tracing_gets_wrong_runs_on_torch(module):
    def example():
        return np.random.default_rng(0).uniform(0.5, 1, (4, 3)).astype(np.float32)

    recipe = Recipe(recipe_key(module.__name__), lambda: (module().eval(), lambda m, x: [m(x)]), example)
    body, batch = FrozenBody(recipe), -example()
    assert body.choose("auto", 1000).startswith("torch")
    assert "openvino was refused" in body.note
    if module is not Fixed:  # its features depend on the batch as they are
        assert cosine(recipe, batch, body(batch)) >= 0.999
    again = FrozenBody(Recipe(recipe.key, pytest.fail, pytest.fail))  # the refusal is known from now on
    assert again.choose("auto", 1000).startswith("torch")
    assert "openvino was refused" in again.note
    with pytest.raises(SourceError, match="backend 'openvino' cannot run this body"):
        again.choose("openvino")


@needs_bf16
def test_a_body_that_bf16_breaks_stays_in_fp32():
    class Difference(nn.Module):
        """Of two large numbers that are nearly equal."""

        def forward(self, x):
            return x @ torch.tensor([[1.0, 0.0], [-1.0, 0.0]]) + torch.tensor([[0.0, 0.3]])

    x = np.array([[100.3, 100.1], [77.7, 77.2]], np.float32)
    body = FrozenBody(Recipe(recipe_key("difference"), lambda: (Difference(), lambda m, b: [m(b)]), lambda: x))
    assert body.choose("openvino") == "openvino fp32"
    assert "0.999 is required" in body.note
    np.testing.assert_allclose(body(x)[:, 0], [0.2, 0.5], atol=1e-3)


def test_another_shape_is_refused_in_a_sentence():
    body = FrozenBody(net_recipe())
    body.choose("openvino")
    with pytest.raises(SourceError, match=r"Got \[2, 30, 30, 3\] instead"):
        body(np.zeros((2, 30, 30, 3), np.uint8))


@pytest.mark.parametrize(
    "message",
    [
        "[CPU] Convert node: Check 'ptr' failed at cpu_memory.cpp:257:\nFailed to allocate 414720000 bytes of memory",
        "Exception from src/inference: std::bad_alloc",
    ],
)
def test_memory_that_runs_out_is_a_memory_error_and_the_body_goes_on(message, monkeypatch):
    class Request:
        """Of an OpenVINO that has too little memory for the first batch."""

        calls = 0

        def infer(self, inputs, **_options):
            self.calls += 1
            if self.calls == 1:
                raise RuntimeError(message)
            return [2 * inputs[0]]

    model = openvino_graph.convert(nn.ReLU(), lambda m, x: [m(x)], np.ones((2, 3), np.float32), lengths=False)
    ov = running.import_openvino()
    monkeypatch.setattr(ov.CompiledModel, "create_infer_request", lambda _compiled: Request())
    monkeypatch.setattr(running, "cores", lambda: 1)  # one request: the second batch waits for it
    backend, batch = running.OpenVino(model, "fp32"), np.ones((4, 3), np.float32)
    with pytest.raises(MemoryError, match="alloc"):
        backend(batch)
    np.testing.assert_array_equal(backend(batch), 2 * batch)


class Even(nn.Module):
    """Small differences of large numbers at first, as on plain backgrounds, and then four products more."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(2, 4, 1, bias=False)
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor([[1.0, -1], [-1, 1], [2, -2], [1, -1]]).view(4, 2, 1, 1))
        self.rest = nn.Sequential(*(nn.Conv2d(4, 4, 1) for _ in range(4)))

    def forward(self, x):
        return self.rest(self.first(x))


def even_recipe(build=lambda: (Even().eval(), lambda m, x: [m(x).mean((2, 3))])):
    def example():
        plane = np.array([[100.3, 100.1], [77.7, 77.2], [140.2, 140.9]], np.float32)
        return np.broadcast_to(plane[:, :, None, None], (3, 2, 8, 8)).copy()

    return Recipe(recipe_key("even"), build, example)


@needs_bf16
def test_where_bf16_drifts_the_first_products_stay_in_fp32_and_so_it_is_kept():
    recipe, later = even_recipe(), FrozenBody(even_recipe(pytest.fail))
    body, batch = FrozenBody(recipe), recipe.example()
    assert body.choose("openvino") == "openvino bf16, 3 convolutions in fp32"
    assert "with the first 3 convolutions in fp32" in body.note
    assert cosine(recipe, batch, body(batch)) >= 0.999
    assert not np.array_equal(body(batch), np.concatenate(plain(recipe, batch), axis=1)), "the others are in bf16"
    assert later.choose("auto", 1) == "openvino bf16, 3 convolutions in fp32"
    assert later.precision == "bf16"
    np.testing.assert_array_equal(later(batch), body(batch))


def test_without_room_for_temporary_files_torch_runs_it_until_there_is(monkeypatch):
    def full(**_options):
        raise OSError(28, "No space left on device")

    body = FrozenBody(net_recipe())
    with monkeypatch.context() as disk:
        disk.setattr(openvino_files.tempfile, "TemporaryDirectory", full)
        assert body.choose("auto", 1).startswith("torch")
        assert "no room for temporary files" in body.note
        assert len(body(pictures())) == 4
        with pytest.raises(SaveError, match="free space in TMPDIR"):
            body.choose("openvino")
    assert body.choose("auto", 1) == f"openvino {SHORT}"
    assert FrozenBody(net_recipe()).choose("auto", 1) == f"openvino {SHORT}"


SCRIPT = """
import sys
import numpy as np
from headstart.engine.frozen_body import FrozenBody
from headstart.engine.body.recipe import Recipe, recipe_key

def build():
    assert {building}, "the body was built"
    sys.path.insert(0, {here!r})
    import test_backends_openvino as test
    return test.Net().eval(), test.net_forward

def example():
    return np.random.default_rng(0).integers(0, 256, (4, 24, 24, 3), dtype=np.uint8)

body = FrozenBody(Recipe(recipe_key("process"), build, example))
assert body.choose("auto", 10) == "openvino {short}", body.note
assert {building} or "openvino" not in sys.modules, "choosing loads nothing"
assert body.facts(lambda module, forward: {{"width": 16}})["width"] == 16
np.save({out!r}, body(example()))
assert body.backend == "openvino" and "cosine" in body.note or {short!r} == "fp32"
assert not [name for name in sys.modules if name.startswith("openvino_telemetry")]
if not {building}:
    assert not {{"torch", "timm", "transformers", "torchvision"}} & set(sys.modules)
"""


@pytest.mark.slow
def test_a_second_process_needs_no_torch(tmp_path, request):
    rows = []
    for building in (True, False):
        out = str(tmp_path / f"{building}.npy")
        script = SCRIPT.format(building=building, here=str(request.path.parent), out=out, short=SHORT)
        subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)], check=True, timeout=300)
        rows.append(np.load(out))
    np.testing.assert_array_equal(*rows)


def test_no_telemetry_is_loaded_and_openvino_stays_whole():
    script = """
    import sys
    from headstart.engine.backends.openvino import import_openvino
    openvino = import_openvino()
    assert not [name for name in sys.modules if name.startswith("openvino_telemetry")]
    assert callable(openvino.convert_model)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=120)


def test_a_missing_openvino_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'headstart\[openvino\]'"):
        running.import_openvino()


@pytest.mark.realdata
@needs_bf16
def test_a_real_body_with_depthwise_convolutions_runs_in_bf16(real_data):
    """Kernels rounded one by one drift on even surfaces (cosine 0.997); with their sums kept they do not."""

    def build():
        import timm
        from safetensors.torch import load_file

        from headstart.sources.bodies.pooling import blocks_forward

        module = timm.create_model("mobilenetv2_100")
        module.load_state_dict(load_file(real_data / "weights/mobilenetv2_100.tv_in1k.safetensors"))
        run = blocks_forward([f"blocks.{k}" for k in range(7)], lambda m, x: m.forward_features(x))
        return module.eval(), lambda m, x: run(m, x.permute(0, 3, 1, 2).float() / 60 - 2)

    def example():
        ramp = np.linspace(0, 255, 96)
        noise = np.random.default_rng(0).normal(0, 20, (3, 96, 96, 3))
        return np.clip(ramp[:, None, None] * 0.5 + ramp[:, None] * 0.5 + noise, 0, 255).astype(np.uint8)

    body = FrozenBody(Recipe(recipe_key("real"), build, example))
    assert body.choose("openvino", few=lambda: 255 - example()) == "openvino bf16"
