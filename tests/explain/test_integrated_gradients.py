"""Integrated gradients: the sum, the agreement with captum, and words from tokens."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import headstart
from headstart.explain.asking.query import Query
from headstart.explain.bodies.token_bodies import embedded_text
from headstart.explain.bodies.torch_head import torch_quantity
from headstart.explain.explain import ask
from headstart.explain.integrated_gradients import IntegratedGradients, integrate
from headstart.sources import open_source

DATA = (
    [f"{text} {k}" for k, text in enumerate(["a good film", "good fun", "a bad film", "bad luck"] * 6)],
    ["+", "+", "-", "-"] * 6,
)


@pytest.fixture(scope="module")
def model():
    return headstart.fit(DATA, source="headstart:text", heads=["ridge"], baselines="none", verbose=False).model


def test_a_linear_function_is_exact_with_the_first_nodes():
    weights = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    found = integrate(lambda x: (x * weights).sum(dim=(1, 2)).double(), torch.zeros(2, 2), torch.ones(2, 2))
    assert np.allclose(found.values, [-1.0, 3.5], atol=1e-6)
    assert found.gap < 1e-6
    assert found.nodes == 32


def test_a_steep_function_is_halved_where_it_is_steep():
    steep = lambda x: torch.sigmoid(400 * (x.double().sum(dim=(1, 2)) - 0.3))  # noqa: E731 (a function of one line)
    found = integrate(steep, torch.zeros(1, 1), torch.ones(1, 1))
    assert found.gap <= 1e-3
    assert 32 < found.nodes <= 8 * 128


def test_attributions_sum_to_the_difference(model):
    for text in ("a good one", "bad luck with a good film", "so?"):
        found = model.explain(text, method="integrated_gradients")["integrated_gradients"]
        gap = abs(found.shown.values.sum() - (found.value - found.baseline))
        assert gap == pytest.approx(found.completeness, abs=1e-9)
        assert gap <= max(1e-3 * abs(found.value - found.baseline), 1e-4)
        assert found.checks["difference from the model's own score"] < 0.05


@pytest.mark.parametrize("baseline", ["mask", "pad", "zero"])
def test_each_baseline_completes(model, baseline):
    found = model.explain("a good one", method=IntegratedGradients(baseline)).attributions[0]
    assert baseline in found.baseline_is
    assert found.completeness <= max(1e-3 * abs(found.value - found.baseline), 1e-4)


def test_it_agrees_with_captum(model):
    attr = pytest.importorskip("captum.attr")
    query: Query = ask(model, "a good one")
    text = embedded_text(model.source, query.item)
    end = torch.from_numpy(text.embeddings)
    start = end.clone()
    start[torch.from_numpy(text.own)] = torch.from_numpy(text.baselines["mask"])
    quantity = torch_quantity(query)
    theirs = attr.IntegratedGradients(lambda x: quantity(text.blocks(x))).attribute(
        end[None], baselines=start[None], n_steps=64, method="gausslegendre", internal_batch_size=16
    )
    found = integrate(lambda x: quantity(text.blocks(x)), start, end)
    assert np.abs(theirs.sum(dim=2)[0].numpy() - found.values).max() < 1e-3 * np.abs(found.values).max()


@pytest.fixture(scope="module")
def multilingual():
    source = open_source("headstart:multilingual")
    data = ([f"{word} {k}" for k, word in enumerate(["我的卡", "card", "Karte", "丢了"] * 6)], ["a", "b", "b", "a"] * 6)
    return headstart.fit(data, source=source, heads=["ridge"], baselines="none", verbose=False).model


@pytest.mark.ci  # 117 million parameters
@pytest.mark.parametrize("text", ["我的卡丢了", "where is 我的 card", "ÄÖÜ " * 5])
def test_every_token_is_in_a_word_in_any_script(multilingual, text):
    embedded = multilingual.source.token_embedder()(text)
    found = multilingual.explain(text, method="integrated_gradients")["integrated_gradients"].shown
    assert "".join(span.text for span in found.spans) == "".join(embedded.text.split())
    assert all(found.text[span.start : span.stop] == span.text for span in found.spans)


def test_a_text_that_is_too_long_says_what_has_no_part(bert, three_folds):
    """A body that reads 32 tokens: a long text of one that reads 256 takes seconds."""
    data = ([f"{word} card {k}" for k, word in enumerate(["good", "no"] * 8)], ["+", "-"] * 8)
    short = headstart.fit(data, source=f"local:{bert}", heads=["ridge"], baselines="none", verbose=False).model
    found = short.explain("good card " * 20, method="integrated_gradients")["integrated_gradients"]
    assert "have no part" in found.notes[1]
    assert found.shown.spans[-1].value == 0.0
