"""The one fit of annotated items: which items choose the source, and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

import headstart
from headstart.cli.demonstration.annotations import made_sentences
from headstart.errors import DataError, ParameterError, SourceError, UnknownNameError
from headstart.reporting import SilentReporter
from headstart.sources import open_source
from headstart.transfer.annotating.fit import fit_annotations
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.options import FitOptions
from headstart.types import Dataset, Source


def test_the_source_is_chosen_without_the_held_out_items() -> None:
    data = made_sentences(40)
    data = replace(data, split=np.array(["train"] * 30 + ["test"] * 10))
    seen: list[str] = []

    def ranked(part: Dataset) -> Source:
        seen.extend(part.ids)
        return open_source("toy")

    fitted = fit_annotations(data, FitOptions(baselines="none"), RunContext(SilentReporter()), ranked=ranked)
    judged = {fitted.dataset.ids[row] for row in fitted.plan.evaluated}
    assert judged
    assert judged <= {f"{k:04}" for k in range(30, 40)}
    assert seen
    assert not judged & set(seen)


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ({"heads": ["svm"]}, "'heads' (--head)"),
        ({"layers": "last"}, "'layers' (--layers)"),
        ({"class_weight": "balanced"}, "'class_weight' (--class-weight)"),
    ],
)
def test_options_without_a_meaning_are_refused(option: dict[str, object], named: str) -> None:
    with pytest.raises(ParameterError, match=re.escape(f"A fit of spans takes no {named}")):
        headstart.fit(made_sentences(12), source="toy", verbose=False, **option)  # type: ignore[arg-type]


def test_a_source_of_another_modality_is_refused() -> None:
    with pytest.raises(SourceError, match="encodes image items, but the items are text"):
        headstart.fit(made_sentences(12), source="headstart:image", verbose=False)


def test_few_annotated_items_are_refused() -> None:
    with pytest.raises(DataError, match="needs at least 4 sentences with spans"):
        headstart.fit(made_sentences(3), source="toy", verbose=False)


@pytest.mark.parametrize("strategy", ["random_field", "decoder"])
def test_a_strategy_of_annotated_items_is_unknown_for_labels(strategy: str) -> None:
    rows, labels = [[0.0], [0.1], [2.0], [2.1]] * 3, ["low", "low", "high", "high"] * 3
    with pytest.raises(UnknownNameError, match=f"Unknown strategy '{strategy}'"):
        headstart.fit((rows, labels), strategy=strategy, verbose=False)


@pytest.mark.parametrize("strategy", ["decoder", "gradual"])
def test_a_strategy_of_another_kind_is_refused_before_any_work(strategy: str) -> None:
    with pytest.raises(ParameterError, match=r"A fit of spans takes one of the strategies frozen, auto, random_field"):
        headstart.fit(made_sentences(12), source="toy", strategy=strategy, verbose=False)


def test_a_random_field_is_trained_by_name() -> None:
    run = headstart.fit(made_sentences(30), source="toy", strategy="random_field", baselines="none", verbose=False)
    decision = run.record["fine_tuning"]
    assert decision["strategy"] == "random_field"
    assert [one["name"] for one in decision["candidates"]] == ["closed-form head", "random field on frozen rows"]
    assert decision["kept"] in {one["name"] for one in decision["candidates"]}
