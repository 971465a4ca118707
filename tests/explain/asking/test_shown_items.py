"""Training items as a page shows them: sounds have players, numbers have the names of the columns that count."""

from __future__ import annotations

import numpy as np
import pandas as pd
from map_models import sound_model, tones

import headstart
from headstart.attributions import Explanation
from headstart.reporting.text import probability


def test_a_training_item_of_a_table_names_the_columns_that_count_most():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(40, 9)), columns=[f"c{k}" for k in range(9)])
    table["kind"] = np.where(np.arange(40) % 2, "yes", "no")
    table["c7"] += 4 * (np.arange(40) % 2)
    model = headstart.fit(table, label="kind", heads=["ridge"], baselines="none", verbose=False).model
    item = table.iloc[3]
    first = model.explain(item, training=table, method="influence")["influence"].shown.supporters[0]
    parts = first.text.split(", ")
    assert parts[-1] == "..."
    assert len(parts) == 7
    assert parts[0] == f"c7 {table['c7'][int(first.id)]:.4g}"


def test_a_training_sound_has_a_player_and_the_json_has_none():
    found = sound_model().explain(tones()[0][0], training=tones(), method="similar")
    assert found["similar"].shown.supporters[0].sound.startswith("data:audio/")
    assert found.to_html().count("<audio") == 1 + len(found["similar"].shown.supporters)
    assert "data:audio" not in str(found.to_dict())


def test_no_probability_is_written_as_certain():
    assert [probability(value) for value in (1.0, 0.9994, 0.0, 0.25)] == [">0.999", "0.999", "<0.001", "0.250"]
    plain = Explanation("1", "vector", "vector, ridge", "0.0004", "y", "", {"y": 0.0004}, (), are_values=True)
    assert plain.shown_outputs() == "y 0.0004"
    assert "Values: y 0.0004." in plain.to_html()
