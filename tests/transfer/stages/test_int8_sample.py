"""The samples for int8 are disjoint, share no group and no held-out item."""

from dataclasses import replace

import numpy as np
import pytest

from headstart.data import read
from headstart.reporting import SilentReporter
from headstart.sources.toy import ToySource
from headstart.transfer.stages import int8_sample as module
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.int8_sample import int8_sample
from headstart.transfer.stages.prepare import audit_items

CONTEXT = RunContext(SilentReporter())
WORDS = ["amber", "birch", "cedar", "dune", "elm", "fjord", "gorge", "heath", "isle", "jetty"]


def texts(count, groups=None, split=None):
    rng = np.random.default_rng(0)
    items = [" ".join(rng.permutation(WORDS)) + f" {k}" for k in range(count)]
    data = read((items, ["x" if k % 2 else "y" for k in range(count)]))
    return replace(data, groups=groups, split=split)


def sample(data):
    audited = audit_items(data, CONTEXT)
    return audited, int8_sample(audited, ToySource(), CONTEXT)


@pytest.mark.parametrize("count", [100, 600])
@pytest.mark.parametrize("group_of", [1, 3, 40])
def test_calibrating_and_judged_items_share_no_item_no_group_and_no_held_out_item(count, group_of):
    """Kind: what is measured on is not what was fitted to."""
    groups = np.array([f"g{k // group_of}" for k in range(count)])
    split = np.array(["test" if int(name[1:]) % 4 == 3 else "train" for name in groups])
    split = split if len(set(split)) > 1 else None
    audited, found = sample(texts(count, groups, split))
    calibrating, judged = set(found.calibrating_rows.tolist()), set(found.judged_rows.tolist())
    assert calibrating
    assert not calibrating & judged
    own = audited.dataset.groups
    assert not {own[k] for k in calibrating} & {own[k] for k in judged}
    assert len(calibrating) <= module.CALIBRATING
    assert len(judged) <= module.JUDGED
    if split is not None:
        assert {audited.dataset.split[k] for k in calibrating | judged} == {"train"}
    enough = len(set(own[np.flatnonzero(audited.dataset.split == "train") if split is not None else slice(None)])) > 2
    assert bool(judged) == enough == (found.unjudged == "")


def test_the_judged_items_of_a_group_are_left_out_together():
    groups = np.array([f"g{k // 3}" for k in range(60)])
    audited, found = sample(texts(60, groups))
    wanted = np.unique(audited.dataset.groups[found.judged_rows], return_inverse=True)[1]
    pairs = {*zip(wanted.tolist(), found.units.tolist(), strict=True)}
    assert len(pairs) == len(set(wanted)) == len(set(found.units))


def test_the_digest_covers_both_samples_and_the_labels():
    data = texts(60)
    _, found = sample(data)
    flipped = replace(data, y=1 - data.y)
    assert sample(texts(60))[1].digest == found.digest
    assert sample(flipped)[1].digest != found.digest
    other = list(data.items)
    other[int(found.calibrating_rows[0])] = "another text of the calibrating ones"
    assert sample(replace(data, items=other))[1].digest != found.digest


def test_items_of_one_class_cannot_be_judged_on(monkeypatch):
    """Kind: a sample that lacks a class is a reason, not an error that ends the fit."""
    monkeypatch.setattr(module, "JUDGED", 3)
    data = texts(60)
    rare = np.isin(np.arange(60), [5, 25, 45]).astype(data.y.dtype)
    _, found = sample(replace(data, y=rare))
    assert (found.judged, len(found.judged_rows)) == (None, 0)
    assert found.unjudged == "the 2 items that it would be judged on are all labelled 'x'"
