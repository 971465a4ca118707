"""Forgetting: what a moved body has lost of its source task."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from headstart.errors import DataError, SourceError
from headstart.evaluate.forgetting import forgetting
from headstart.sources.toy import ToySource
from headstart.sources.toy_shift import toy_shift, toy_with_head
from headstart.types import Task


def noisy(source, scale):
    body = source.trainable().module
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in body.named_parameters():
            if "classifier" not in name:
                value.add_(scale * value.std() * torch.randn(value.shape, generator=generator))
    return source.with_module(body, "module:noisy")


@pytest.fixture(scope="module")
def shift():
    found = toy_shift()
    found.source.encode(found.train.items[:2])
    return found


def hits(source, data):
    body = source.trainable()
    logits = body.source_head(body.module, body.collate(list(data.items))).detach().numpy()
    return logits.argmax(axis=1) == data.y


def test_a_source_head_is_judged_on_source_data(shift):
    before = toy_with_head(shift)
    after = noisy(before, 2.0)
    found = forgetting(before, after, (), source_data=shift.source_data)
    ours, theirs = hits(before, shift.source_data).mean(), hits(after, shift.source_data).mean()
    assert (found.before, found.after) == (pytest.approx(ours), pytest.approx(theirs))
    assert found.measure == "accuracy"
    assert "own source head" in found.how
    assert 0 < found.low <= found.lost <= found.high


def test_without_a_source_head_a_solved_one_is_judged(shift):
    found = forgetting(shift.source, noisy(shift.source, 5.0), (), source_data=shift.source_data)
    assert "ridge head" in found.how
    assert found.before > 0.8
    assert found.low > 0
    same = forgetting(shift.source, shift.source, (), source_data=shift.source_data)
    assert same.lost == 0.0
    assert -0.1 < same.low < 0 < same.high < 0.1  # what a few more items could show


def test_labels_that_the_source_head_does_not_know_are_solved(shift):
    other = replace(shift.source_data, y=(shift.source_data.y + 1) % 3)
    before = toy_with_head(shift)
    assert "ridge head" in forgetting(before, before, (), source_data=other).how


def test_on_target_items_it_is_the_share_of_other_answers(shift):
    before = toy_with_head(shift)
    after, items = noisy(before, 2.0), list(shift.test.items[:100])
    found = forgetting(before, after, items)
    answers = []
    for source in (before, after):
        body = source.trainable()
        answers.append(body.source_head(body.module, body.collate(items)).argmax(dim=1).numpy())
    assert found.measure == "agreement"
    assert found.lost == pytest.approx(np.mean(answers[0] != answers[1]))
    assert found.low <= found.lost <= found.high


def test_without_any_head_it_is_the_centred_cosine(shift):
    after, items = noisy(shift.source, 0.5), list(shift.test.items[:50])
    found = forgetting(shift.source, after, items)
    ours, theirs = (source.encode(items).astype(float) for source in (shift.source, after))
    ours, theirs = ours - ours.mean(axis=0), theirs - ours.mean(axis=0)
    cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(ours, theirs, strict=True)]
    assert found.measure == "cosine"
    assert found.after == pytest.approx(np.mean(cosines), abs=1e-6)
    assert found.lost == pytest.approx(1 - np.mean(cosines), abs=1e-6)


def test_bad_inputs_are_told(shift):
    with pytest.raises(DataError, match="Got none; give at least two"):
        forgetting(shift.source, shift.source, ())
    with pytest.raises(SourceError, match="two states of the same body"):
        forgetting(ToySource(), ToySource().with_layers("letters"), ["good", "bad"])
    values = replace(shift.source_data, task=Task("regression", ("x",)), y=shift.source_data.y[:, None].astype(float))
    with pytest.raises(DataError, match="must be a classification"):
        forgetting(shift.source, shift.source, (), source_data=values)
