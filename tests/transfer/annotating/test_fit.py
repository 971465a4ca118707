"""The one fit of annotated items: which items choose the source, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import headstart
from headstart.cli.demo_annotations import made_sentences
from headstart.errors import DataError, ParameterError, SourceError
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
    [({"heads": ["svm"]}, "heads"), ({"layers": "last"}, "layers"), ({"class_weight": "balanced"}, "class_weight")],
)
def test_options_without_a_meaning_are_refused(option: dict[str, object], named: str) -> None:
    with pytest.raises(ParameterError, match=rf"A fit of spans takes no '{named}'"):
        headstart.fit(made_sentences(12), source="toy", verbose=False, **option)  # type: ignore[arg-type]


def test_a_source_of_another_modality_is_refused() -> None:
    with pytest.raises(SourceError, match="encodes image items, but the items are text"):
        headstart.fit(made_sentences(12), source="headstart:image", verbose=False)


def test_few_annotated_items_are_refused() -> None:
    with pytest.raises(DataError, match="needs at least 4 sentences with spans"):
        headstart.fit(made_sentences(3), source="toy", verbose=False)
