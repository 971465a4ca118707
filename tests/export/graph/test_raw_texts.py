"""The tokenizer in front of a graph: the ids of the tokenizers library, or the word that a text is not read."""

from __future__ import annotations

import numpy as np
import pytest
from bert_tokenizer import bert_tokenizer

from headstart.data.text.forms import canonical_text
from headstart.errors import SourceError
from headstart.export.graph.operators import TEXT_EXTENSIONS
from headstart.export.graph.raw_texts import raw_text_front, refuse_tokenizer
from headstart.sources.transformers.tokenizing import TokenizerSpec, open_tokenizer

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
extensions = pytest.importorskip("onnxruntime_extensions")
LENGTH = 12


def spec_of(lowercase):
    return TokenizerSpec(bert_tokenizer(lowercase=lowercase), LENGTH)


def session_of(spec):
    from onnx import TensorProto, helper

    ops, known = raw_text_front(spec, "ids", "mask")
    kinds = {"ids": TensorProto.INT64, "mask": TensorProto.INT64, known: TensorProto.BOOL}
    found = [helper.make_tensor_value_info(name, kind, None) for name, kind in kinds.items()]
    given = helper.make_tensor_value_info("text", TensorProto.STRING, [1])
    graph = helper.make_graph(ops.nodes, "tokenizer", [given], found, ops.constants)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(TEXT_EXTENSIONS, 1)]
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(extensions.get_library_path())
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return lambda text: session.run(None, {"text": np.array([text])})


@pytest.fixture(scope="module", params=[True, False], ids=["lower case", "both cases"])
def both(request):
    spec = spec_of(request.param)
    return open_tokenizer(spec), session_of(spec)


TEXTS = [
    "Where is my card?", " no  card ", "going to where the cards are, and to where they were", "no\u2028\u200bcard\tA",
    "NO CÁRD, e\u0301", "x" * 120, "card😀 [x]", "the 日本 card", "Ｗｉｄｅ",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_the_ids_are_those_of_the_library(both, text):
    tokenizer, run = both
    wanted = tokenizer.encode(canonical_text(text)).ids
    ids, mask, known = run(text)
    if known.all():
        assert ids.tolist() == [wanted]
        assert mask.tolist() == [[1] * len(wanted)]
    assert known.all() or not text.isascii()
    assert len(wanted) <= LENGTH


def test_plain_texts_and_accents_are_read_where_case_does_not_count():
    run = session_of(spec_of(True))
    for text in TEXTS:
        assert run(text)[2].all(), text


@pytest.mark.parametrize("text", ["[CLS] card", "한국어 card", "", " ", "\u200b"])
def test_other_texts_are_recognised(both, text):
    """Of the kind: a special token, characters that the operator takes apart otherwise, and no word at all."""
    assert not both[1](text)[2].any()


def test_other_tokenizers_are_refused_in_a_sentence():
    from tokenizers import Tokenizer, models

    spec = TokenizerSpec(Tokenizer(models.Unigram([("<unk>", 0.0), ("a", -1.0)], 0)).to_str(), 9)
    with pytest.raises(SourceError, match=r"'tiny' \(Unigram with the normaliser None\).*leave out --with-decoder"):
        refuse_tokenizer(spec, "tiny")
