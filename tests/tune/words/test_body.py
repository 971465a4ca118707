"""Fine-tuning of a small text body on words, and the rows that training sees."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from headstart.annotations import Sentence
from headstart.engine.body.machine import BF16_SWITCH
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.heads.words.context import with_neighbours
from headstart.heads.words.head import WordsHead
from headstart.sources.local import open_local
from headstart.sources.positions.words import words_of
from headstart.tune import STRATEGIES
from headstart.tune.moving.contract import with_settings
from headstart.tune.training.settings import Training
from headstart.tune.words.body import TaggedSentences, fine_tune_words, neighbours, trainable_words

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "where", "is", "my", "card", "##s", "?"]
PLAIN = Engine(cache=False, backend="torch")
ITEMS = [Sentence.of_words(words) for words in (["where", "is", "cards"], ["\u200b", "my", "card", "?"], ["is"])]
CODES = [np.array([0, 0, 1]), np.array([0, 0, 1, 0]), np.array([0])]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A text body of two layers in torch, in fp32."""
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(PIECES), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=40,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    facts = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 32}
    (folder / "tokenizer_config.json").write_text(json.dumps(facts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(BF16_SWITCH, "0")
        yield open_local(folder)


def test_training_sees_the_rows_that_the_engine_gives(small):
    source = words_of(small)
    found = extract(source, ITEMS, engine=PLAIN)
    body = trainable_words(source)
    with torch.inference_mode():
        batch = body.collate([source.prepare(item) for item in ITEMS])
        rows = torch.cat(body.forward(body.module, batch), dim=1)
        near = neighbours(rows, [3, 4, 1], 2)
    np.testing.assert_allclose(rows.numpy(), found.rows, atol=1e-5)
    np.testing.assert_allclose(near.numpy(), with_neighbours(found.rows, found.offsets, 2), atol=1e-5)


@pytest.mark.parametrize("name", ["lp_ft", "bitfit", "norm_only", "full"])
def test_a_strategy_learns_the_tags_and_its_source_marks_them(small, name, tmp_path):
    """The head of the trained network reads the rows of the fine-tuned source through the engine."""
    width = 16 + 19
    zero = WordsHead(("PER",), ("layer.2",), np.zeros((width, 3)), np.zeros(3), np.zeros(3), np.zeros((3, 3)))
    settings = Training(epochs=40, batch_size=3, learning_rate=0.02, precision="fp32")
    strategy = with_settings(STRATEGIES[name], training=settings)
    tagged = TaggedSentences(ITEMS, CODES)
    moved, head, outcome = fine_tune_words(strategy, small, zero, np.ones(width), train=tagged, valid=tagged)
    assert outcome.loss < outcome.start_loss / 2
    assert moved.info.name.endswith(f"({name} on words)")
    marks = head.annotate(moved, ITEMS, engine=PLAIN)
    assert [[(span.start, span.end) for span in spans] for spans in marks] == [[(2, 3)], [(2, 3)], []]
    if name == "lp_ft":
        moved.save(tmp_path)
        saved = head.annotate(open_local(tmp_path), ITEMS, engine=PLAIN)
        assert saved == marks
        assert saved[0][0].score == pytest.approx(marks[0][0].score, abs=1e-4)
