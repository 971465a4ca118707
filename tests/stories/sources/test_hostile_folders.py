"""Kind: strings and numbers of a model folder that reach a library. Nothing is unpickled, fetched, run or made huge."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from headstart.errors import HeadstartError, SourceError
from headstart.io import write_json
from headstart.sources import open_source
from headstart.sources.fused import FusedSource
from headstart.sources.local import open_local
from headstart.sources.registry import open_saved
from headstart.sources.spectrogram import read_picture_settings
from headstart.sources.timm_bodies.arguments import check_arguments
from headstart.sources.toy import ToySource
from headstart.sources.transformers.library_view import library_view

CFG = {"input_size": [3, 32, 32], "mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bilinear", "crop_pct": 1.0}


@pytest.fixture(scope="module")
def timm_body(tmp_path_factory) -> Path:
    """A timm folder of a tiny body."""
    import timm
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("timm") / "body"
    folder.mkdir()
    save_file(timm.create_model("test_resnet", num_classes=0).state_dict(), folder / "model.safetensors")
    facts = {"architecture": "test_resnet", "num_features": 96, "model_args": {"num_classes": 0}, "pretrained_cfg": CFG}
    write_json(folder / "config.json", facts)
    return folder


def edited(folder: Path, place: Path, **changes: object) -> Path:
    shutil.copytree(folder, place)
    facts = json.loads((place / "config.json").read_text()) | changes
    (place / "config.json").write_text(json.dumps(facts))
    return place


@pytest.mark.parametrize(
    "arguments",
    [
        {"checkpoint_path": "/nowhere/evil.pth"},
        {"pretrained": True},
        {"pretrained_cfg": {"url": "file:///nowhere/evil.pth"}},
        {"pretrained_cfg_overlay": {"file": "/nowhere/evil.pth", "custom_load": True}},
        {"cache_dir": "/nowhere"},
        {"features_only": True},
        {"scriptable": True},
        {"block": "Bottleneck"},
        {"num_classes": 10**9},
        {"num_classes": True},
        {"num_classes": -1},
        {"drop_rate": float("nan")},
        {"drop_rate": 2},
        {"img_size": 10**9},
        {"img_size": [2048, 2048], "patch_size": 2, "embed_dim": 16384},
        {"depth": 10**6},
        {"layers": [10**6]},
        {"layers": []},
        {"channels": [[[[1] * 65]]]},
        {"act_layer": "torch.load('evil')"},
        {"act_layer": {"name": "gelu"}},
    ],
    ids=",".join,
)
def test_timm_gets_only_arguments_of_the_allow_list(timm_body, tmp_path, monkeypatch, arguments):
    import timm

    monkeypatch.setattr(timm, "create_model", lambda *_, **__: pytest.fail("timm was asked"))
    with pytest.raises(SourceError, match=r"config\.json"):
        open_local(edited(timm_body, tmp_path / "body", model_args=arguments))


def test_arguments_that_bodies_are_saved_with_are_allowed():
    check_arguments({"num_classes": 0, "layers": (2, 2, 2, 1), "channels": [48, 96], "stem_type": "deep"}, "x")
    check_arguments({"pad_type": "same", "img_size": 64, "drop_path_rate": 0.1, "global_pool": "avg", "x": None}, "x")


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "hf-hub:evil/name"},
        {"architecture": "local-dir:/nowhere"},
        {"architecture": "test_resnet.../../nowhere"},
        {"architecture": "test_resnet.a1/test_resnet"},
        {"architecture": "test_resnet.hf-hub:evil/name"},
        {"architecture": ["test_resnet"]},
        {"architecture": "resnet200"},  # far larger than its weights
        {"model_args": 3},
        {"pretrained_cfg": {**CFG, "input_size": [3, 10**6, 10**6]}},
        {"pretrained_cfg": {**CFG, "std": [0, 0, 0]}},
        {"pretrained_cfg": {**CFG, "mean": [float("nan")] * 3}},
        {"pretrained_cfg": {**CFG, "crop_pct": 1e-9}},
        {"pretrained_cfg": {**CFG, "crop_mode": {"a": 1}}},
    ],
    ids=str,
)
def test_other_entries_of_a_timm_folder(timm_body, tmp_path, changes):
    with pytest.raises(SourceError):
        open_local(edited(timm_body, tmp_path / "body", **changes))


def test_weights_that_are_not_finite_are_refused(timm_body, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = edited(timm_body, tmp_path / "body")
    tensors = load_file(folder / "model.safetensors")
    max(tensors.values(), key=lambda tensor: tensor.numel()).view(-1)[3] = float("inf")
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(SourceError, match="NaN or infinite"):
        open_local(folder)


@pytest.mark.parametrize(
    "name",
    [
        "hf:evil/name",
        "timm:resnet18.a1_in1k",
        "timm:hf-hub:evil/name",
        "local:/etc",
        "local:../elsewhere",
        "local:",
        "fused:hf:evil/name+toy",
        "columns:/etc",
        "x" * 10_000,
        "fused:" + "a" * 5000 + "+toy",
        "",
    ],
)
def test_a_saved_model_names_nothing_elsewhere(tmp_path, monkeypatch, name):
    monkeypatch.setattr("headstart.sources.hf.fetch_repository", lambda _: pytest.fail("the hub was asked"))
    with pytest.raises(HeadstartError):
        open_saved({"name": name}, tmp_path, "text")


def test_a_part_of_a_fused_source_names_nothing_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr("headstart.sources.hf.fetch_repository", lambda _: pytest.fail("the hub was asked"))
    FusedSource((ToySource(), ToySource())).save(tmp_path)
    saved = json.loads((tmp_path / "fused.json").read_text())
    saved["parts"][1]["reference"] = {"name": "hf:evil/name"}
    write_json(tmp_path / "fused.json", saved)
    with pytest.raises(SourceError, match="lies elsewhere"):
        open_saved({"name": "fused:."}, tmp_path, "text")


def test_fused_sources_are_not_nested_without_end(tmp_path):
    folder, part = tmp_path, {"reference": {"name": "fused:."}, "info": {"modality": "text", "sha256": None}}
    for _ in range(100):
        folder.mkdir(exist_ok=True)
        write_json(folder / "fused.json", {"parts": [part, part], "positions": [], "labels": ["a", "b"]})
        folder /= "part0"
    with pytest.raises(SourceError, match="nested in"):
        open_saved({"name": "fused:."}, tmp_path, "text")
    (tmp_path / "loop").mkdir()
    write_json(tmp_path / "loop" / "fused.json", {"parts": [part, part], "positions": [], "labels": ["a", "b"]})
    (tmp_path / "loop" / "part0").symlink_to(tmp_path / "loop")
    with pytest.raises(SourceError, match="nested in"):
        open_saved({"name": "fused:."}, tmp_path / "loop", "text")


@pytest.mark.parametrize("name", ["fused:" + "n" * 5000, "local:" + "n" * 5000, "fused:" + "a/" * 3000 + "+b"])
def test_a_long_name_is_one_sentence(name):
    with pytest.raises(HeadstartError):
        open_source(name)


@pytest.fixture
def text_folder(tmp_path) -> Path:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    write_json(folder / "config.json", {"model_type": "bert", "hidden_size": 16})
    (folder / "tokenizer.json").write_text("{}")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "modeling.py").write_text("raise SystemExit")
    return folder


def test_transformers_sees_data_only(text_folder):
    facts = {
        "model_type": "bert", "auto_map": {"AutoModel": "evil/name--code.Model"}, "_name_or_path": "evil/name",
        "_commit_hash": "0", "dtype": "load", "text_config": {"auto_map": {}, "torch_dtype": "float16", "a": [1]},
    }  # fmt: skip
    write_json(text_folder / "config.json", facts)
    tokens = {"tokenizer_class": "BertTokenizer", "vocab_file": "/etc/passwd", "tokenizer_file": "/evil.json"}
    write_json(text_folder / "tokenizer_config.json", tokens | {"model_max_length": 10**30, "chat_template": "{{ x }}"})
    with library_view(text_folder, weights=True) as view:
        assert sorted(path.name for path in view.iterdir()) == [
            "config.json",
            "tokenizer.json",
            "tokenizer_config.json",
        ]
        assert json.loads((view / "config.json").read_text()) == {"model_type": "bert", "text_config": {"a": [1]}}
        kept = json.loads((view / "tokenizer_config.json").read_text())
    assert kept == {"tokenizer_class": "BertTokenizer", "model_max_length": 10**30}
    assert not view.exists()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("adapter_config.json", {"base_model_name_or_path": "evil/name"}),
        ("config.json", {"model_type": "bert", "base_model_name_or_path": "evil/name"}),
        ("config.json", {"model_type": "bert", "attn_implementation": "evil/kernels"}),
        ("config.json", {"model_type": "bert", "_attn_implementation": "evil/kernels@main:fn"}),
        ("config.json", {"model_type": "x", "vision_config": {"attn_implementation": "evil/kernels"}}),
        ("config.json", {"model_type": "bert", "quantization_config": {"quant_method": "aqlm"}}),
        ("config.json", {"model_type": "timm_wrapper"}),
        ("config.json", {"model_type": "detr", "backbone_kwargs": {"checkpoint_path": "/evil.pth"}}),
        ("config.json", {"model_type": "detr", "backbone_config": {"model_type": "timm_backbone"}}),
        ("config.json", {"model_type": "gemma3n", "vision_config": {"model_args": {"checkpoint_path": "/evil.pth"}}}),
        ("config.json", {"model_type": "detr", "use_pretrained_backbone": True, "backbone": "evil/name"}),
        ("config.json", {"model_type": "../bert"}),
        ("config.json", {"model_type": ["bert"]}),
        ("config.json", {"model_type": "bert", "hidden_size": 10**12}),
        ("config.json", {"model_type": "bert", "num_hidden_layers": 10**6}),
        ("config.json", {"model_type": "bert", "max_position_embeddings": 10**400}),
        ("config.json", {"model_type": "bert", "layer_norm_eps": float("nan")}),
        ("config.json", {"model_type": "bert", "initializer_range": float("inf")}),
        ("config.json", {"model_type": "bert", "tokenizer_class": "RagTokenizer"}),
        ("tokenizer_config.json", {"tokenizer_class": "evil.Tokenizer"}),
        ("tokenizer_config.json", {"tokenizer_class": "BertJapaneseTokenizer"}),
        ("preprocessor_config.json", {"image_processor_type": "pipeline"}),
        ("preprocessor_config.json", {"image_processor_type": "ViTImageProcessor", "size": {"height": 10**6}}),
        ("preprocessor_config.json", {"feature_extractor_type": "os.system"}),
        ("preprocessor_config.json", {"sampling_rate": 10**9}),
        ("preprocessor_config.json", {"n_fft": 10**8}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_would_lead_elsewhere_is_refused(text_folder, file, content):
    write_json(text_folder / file, content)
    with pytest.raises(SourceError, match=file.replace(".", r"\.")), library_view(text_folder):
        pass


def test_bottomless_settings_and_foreign_weights_are_refused(text_folder):
    (text_folder / "config.json").write_text('{"a":' * 200 + "1" + "}" * 200)
    with pytest.raises(SourceError, match="levels deep"), library_view(text_folder):
        pass
    write_json(text_folder / "config.json", {"model_type": "bert"})
    index = {"weight_map": {"layer": "../../elsewhere.safetensors"}}
    write_json(text_folder / "model.safetensors.index.json", index)
    with pytest.raises(SourceError, match="not in its folder"), library_view(text_folder, weights=True):
        pass


def test_a_body_of_transformers_is_no_larger_than_its_weights(bert, tmp_path):
    facts = json.loads((bert / "config.json").read_text())
    (bert / "config.json").write_text(json.dumps(facts | {"vocab_size": 10**6, "hidden_size": 4096}))
    with pytest.raises(SourceError, match="numbers or more"):
        open_local(bert)


def test_a_module_of_sentence_transformers_lies_inside(bert):
    for place in ("/etc", "../elsewhere", "C:\\x", "a\\..\\b", 3):
        modules = [{"idx": 0, "name": "0", "path": place, "type": "sentence_transformers.models.Transformer"}]
        (bert / "modules.json").write_text(json.dumps(modules))
        with pytest.raises(SourceError, match="damaged"):
            open_local(bert)


@pytest.mark.parametrize(
    "settings",
    [
        {"n_fft": 10**12},
        {"frames": 1e300},
        {"sample_rate": float("nan")},
        {"most_seconds": float("inf")},
        {"fmin": True},
    ],
    ids=str,
)
def test_settings_of_spectrograms_are_bounded(tmp_path, settings):
    write_json(tmp_path / "spectrogram.json", settings)
    with pytest.raises(SourceError, match=r"spectrogram\.json"):
        read_picture_settings(tmp_path / "spectrogram.json")


def test_a_spectrogram_of_a_spectrogram_is_refused(tmp_path):
    inner = tmp_path / "image" / "image"
    inner.mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "image"):
        write_json(folder / "spectrogram.json", {})
    with pytest.raises(SourceError, match="nests a spectrogram source"):
        open_local(tmp_path)


def test_a_part_that_reads_a_column_that_no_item_has(tmp_path):
    source = FusedSource((ToySource(), ToySource()), (0, 1), ("a", "b"))
    source.save(tmp_path)
    saved = json.loads((tmp_path / "fused.json").read_text())
    for positions in ([0, 2**70], [0, -1], [0, "1"], [0, 1.5]):
        write_json(tmp_path / "fused.json", saved | {"positions": positions})
        with pytest.raises(SourceError, match="positions that no item has"):
            open_saved({"name": "fused:."}, tmp_path, "multimodal")
    write_json(tmp_path / "fused.json", saved | {"positions": [0, 7]})
    with pytest.raises(HeadstartError, match="8 or more"):
        open_saved({"name": "fused:."}, tmp_path, "multimodal").encode([("good", "day")])
