"""A second file with the decoder or the tokenizer inside, compared in a process of its own."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from bert_tokenizer import bert_tokenizer
from PIL import Image

from headstart import fit
from headstart.errors import ParityError, SourceError
from headstart.export import export
from headstart.export.onnx import Onnx
from headstart.heads import FeatureMap, FittedHead
from headstart.model import TransferModel
from headstart.sources.bodies.seeded import example_pictures
from headstart.sources.hf import open_folder
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.types import SourceInfo, Task

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxruntime_extensions")
pytest.importorskip("onnx")


def model_of(source):
    rng, d = np.random.default_rng(0), source.info.blocks[-1].width
    start = sum(block.width for block in source.info.blocks[:-1])
    features = FeatureMap("last layer", ((start, start + d),), "unit_norm")
    head = FittedHead(features, "ridge", 1.0, rng.normal(size=(d, 3)), np.zeros(3), {"temperature": np.ones(1)}, 0, ())
    return TransferModel(source, Task("classification", ("card", "hello", "other")), head)


def encoded(picture, form, **options):
    out = io.BytesIO()
    Image.fromarray(picture).save(out, form, **options)
    return out.getvalue()


@pytest.mark.slow
def test_pictures_are_decoded_inside_and_others_have_no_answer(tmp_path):
    spec = TimmSpec("test_resnet", {"num_classes": 7}, {"input_size": (3, 64, 64), "crop_pct": 0.9})
    model = model_of(TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image")).with_layers("last"))
    pictures = example_pictures(3)
    given = [encoded(pictures[0], "PNG"), encoded(pictures[1], "JPEG", subsampling=0), encoded(pictures[2], "GIF")]
    found = export(model, Onnx(with_decoder=True), tmp_path / "out", check=given)
    record = json.loads((tmp_path / "out" / "parity.json").read_text())["second_file"]
    assert (record["items"], record["without_answer"], record["flips"]) == (2, 1, 0)
    assert record["largest"] < 0.01
    assert {"model_with_decoder.onnx", "model_with_decoder.py"} <= set(found.sizes)
    with pytest.raises(ParityError, match=r"answers for none of the 1 items.*leave out --with-decoder"):
        export(model, Onnx(with_decoder=True), tmp_path / "none", check=given[2:])


@pytest.mark.slow
def test_texts_are_tokenized_inside(tmp_path):
    import torch
    from tokenizers import Tokenizer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    backend = Tokenizer.from_str(bert_tokenizer(lowercase=True))
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, mask_token="[MASK]", model_max_length=32, **special)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=backend.get_vocab_size(), **sizes)).save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    model = model_of(open_folder(tmp_path / "bert", SourceInfo("tiny", "text")))
    texts = ["where is my card", "good morning", "no card", "WHERE is a card?", "a 한국어 card"]
    found = export(model, Onnx(with_decoder=True), tmp_path / "out", check=texts)
    record = found.parity.facts["second_file"]
    assert record["largest"] < 1e-4
    assert (record["items"], record["without_answer"]) == (4, 1)
    assert record["packages"].keys() == {"numpy", "onnxruntime", "onnxruntime-extensions"}


def test_what_has_no_decoder_is_refused_in_a_sentence(tmp_path):
    rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
    model = fit((rows, ["left"] * 10 + ["right"] * 10), heads=["ridge"], baselines="none", verbose=False).model
    with pytest.raises(SourceError, match=r"not for rows of numbers; leave out --with-decoder"):
        export(model, Onnx(with_decoder=True), tmp_path / "out", check=rows)
    assert list(tmp_path.iterdir()) == []
