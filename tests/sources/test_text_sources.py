"""headstart:text, hf: and sentence-transformers folders."""

import json
import shutil

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from headstart.errors import DigestError, ItemError, SourceError
from headstart.sources import embedded
from headstart.sources.local import open_local
from headstart.sources.registry import open_source

TEXTS = ["good morning", "Where is my card? It has not come yet.", "a " * 400, "no", "ünïcödé 🙂"]


@pytest.fixture(scope="module")
def minilm():
    return open_source("headstart:text")


@pytest.fixture
def bert(tmp_path):
    """A tiny BERT checkpoint folder of transformers."""
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "morning", "where", "is", "my", "card", "a", "no"]
    backend = Tokenizer(models.WordLevel({word: k for k, word in enumerate(words)}, "[UNK]"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=32,
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=40,
    )  # fmt: skip
    BertModel(config).save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    return tmp_path / "bert"


def cosine(a, b):
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_last_block_is_what_sentence_transformers_gives(minilm):
    from sentence_transformers import SentenceTransformer

    folder = embedded._folder()
    wanted = SentenceTransformer(str(folder), device="cpu").encode(TEXTS, normalize_embeddings=True)
    exact = embedded._load(folder)
    exact.body.precision = "fp32"
    last = exact.encode(TEXTS)[:, -384:]
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
    shutil.copytree(embedded._folder(), tmp_path / "model")
    with (tmp_path / "model" / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x00\x01"[1:])
    monkeypatch.setattr(embedded, "_folder", lambda: tmp_path / "model")
    with pytest.raises(DigestError, match="was promised"):
        open_source("headstart:text")


def test_the_reference_has_the_digest(minilm, tmp_path):
    assert minilm.save(tmp_path / "x") == {"name": "headstart:text", "sha256": embedded.TEXT_SHA256}
    assert not (tmp_path / "x").exists()


def test_untrained_text(minilm):
    first, same, other = (minilm.untrained(seed).encode(TEXTS[:2]) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)
    assert minilm.untrained(0).info.name != minilm.info.name


@pytest.mark.parametrize("item", [None, 3, "", "  \n", b"bytes", ["a"], "\ud800"])
def test_nonsense_texts(minilm, item):
    with pytest.raises(ItemError):
        minilm.prepare(item)


def test_long_texts_are_cut(minilm):
    assert len(minilm.prepare("word " * 10_000)) == 256


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


def test_saved_text_bodies_reload_with_the_same_bits(bert, tmp_path):
    source = open_local(bert)
    source.save(tmp_path / "kept")
    texts = ["good morning", "my card", "is a card"]
    again = open_source(f"local:{tmp_path / 'kept'}")
    np.testing.assert_array_equal(source.encode(texts), again.encode(texts))
    assert again.info.input == source.info.input


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


def test_sentence_transformers_folder(bert, tmp_path):
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
    with pytest.raises(SourceError, match="pickled ones are never read"):
        open_local(bert)


def test_a_folder_without_a_tokenizer(bert):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (bert / name).unlink()
    with pytest.raises(SourceError, match="not known what the body reads"):
        open_local(bert)


def test_hf_opens_from_the_cache(bert, tmp_path, monkeypatch):
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "hub" / "models--org--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    shutil.copytree(bert, repository / "snapshots" / commit)
    (repository / "snapshots" / commit / "README.md").write_text("---\nlicense: mit\n---\n# Tiny\n")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    from headstart.sources.cache import cached_repositories

    assert cached_repositories() == ["org/tiny"]
    monkeypatch.setattr("headstart.sources.hf.fetch_repository", lambda _: repository / "snapshots" / commit)
    source = open_source("hf:org/tiny")
    assert (source.info.license, source.info.revision) == ("mit", commit)
    assert source.encode(["good morning"]).shape == (1, 48)
