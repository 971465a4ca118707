"""int8 is taken if it is faster, pays, and does not raise the leave-one-out loss; times are injected."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import headstart
from headstart.cli.main import main
from headstart.data import read
from headstart.engine.options import Engine
from headstart.errors import ParameterError, SourceError
from headstart.reporting import SilentReporter
from headstart.sources.bodies.weights import Weights
from headstart.sources.quantized import QuantizedSource
from headstart.sources.timm import TimmSource
from headstart.sources.timm_bodies.module import TimmSpec, build
from headstart.sources.toy import ToySource
from headstart.transfer.fit_model import fit_model
from headstart.transfer.stages import int8_sample, number_format
from headstart.transfer.stages.context import Clock, RunContext
from headstart.transfer.stages.judge import make_plan
from headstart.transfer.stages.number_format import Int8Verdict, in_number_format
from headstart.transfer.stages.options import FitOptions
from headstart.transfer.stages.prepare import audit_items
from headstart.types import SourceInfo

OF = 48


class Lines(SilentReporter):
    def __init__(self):
        self.lines = []

    def line(self, label, text):
        self.lines.append((label, text))


@pytest.fixture
def times(monkeypatch):
    """Seconds per item of the usual format and of int8, in place of a measurement."""
    found = {"usual": 1.0, "int8": 0.25}
    monkeypatch.setattr(number_format, "FEWEST", 10)
    monkeypatch.setattr(int8_sample, "JUDGED", 24)
    monkeypatch.setattr(int8_sample, "CALIBRATING", 8)
    monkeypatch.setattr(
        number_format,
        "seconds_per_item",
        lambda source, _: found["int8" if isinstance(source, QuantizedSource) else "usual"],
    )
    monkeypatch.setattr(number_format._Judging, "_may_pay", lambda *_: True)
    return found


def tiny(change=None):
    spec = TimmSpec("test_resnet", pretrained_cfg={"input_size": (3, 64, 64)})
    torch.manual_seed(0)
    module = build(spec)
    if change is not None:
        change(module)
    weights = Weights(f"{id(module)}", lambda: module, lasting=False)
    return TimmSource(spec, weights, SourceInfo("tiny", "image"))


def photos(count=OF):
    """Pictures in two classes that differ in colour."""
    rng = np.random.default_rng(0)
    labels = [k % 2 for k in range(count)]
    pictures = [rng.integers(0, 200, (64, 64, 3)).astype(np.uint8) for _ in labels]
    for picture, label in zip(pictures, labels, strict=True):
        picture[:, :, label] += 55
    return pictures, [("red", "green")[label] for label in labels]


def chosen(source, data=None, **engine):
    lines = Lines()
    context = RunContext(lines, Engine(**engine))
    audited = audit_items(read(data or photos()), context)
    found = in_number_format(audited, source, context)
    return found.source, [text for label, text in lines.lines if label == "int8"]


def test_a_faster_format_of_equal_loss_is_taken_and_reported_in_one_line(times):
    times.update(usual=1000.0)
    source, said = chosen(tiny())
    assert isinstance(source, QuantizedSource)
    assert len(said) == 1
    assert said[0].startswith("taken: 4000.0 times as fast as")
    assert said[0].endswith("; the saved model needs OpenVINO to predict")


def test_a_slower_format_is_not_taken(times):
    times.update(int8=2.0)
    source, said = chosen(tiny())
    assert isinstance(source, TimmSource)
    assert "it is not faster here" in said[0]


def test_a_format_that_saves_less_than_judging_it_costs_is_not_taken(times):
    times.update(usual=1e-7, int8=1e-8)
    source, said = chosen(tiny())
    assert isinstance(source, TimmSource)
    assert "saves less time" in said[0]


def test_a_body_that_rounding_hurts_is_refused(times):
    """One channel of a hundred thousand times the others takes all levels, and the others are lost."""

    def with_outlier(module):
        with torch.no_grad():
            first = next(layer for layer in module.modules() if isinstance(layer, torch.nn.BatchNorm2d))
            first.bias[0] += 1e5

    times.update(usual=1000.0)
    source, said = chosen(tiny(with_outlier))
    assert isinstance(source, TimmSource)
    assert "leave-one-out loss" in said[0]


def test_never_and_sources_without_a_body_are_left_alone(times):
    source = tiny()
    assert chosen(source, int8="never") == (source, [])
    toy = ToySource()
    assert chosen(toy, (["a", "b"] * 20, ["x", "y"] * 20))[0] is toy


def test_always_takes_it_and_says_where_it_cannot(times):
    times.update(int8=2.0)
    assert isinstance(chosen(tiny(), int8="always")[0], QuantizedSource)
    with pytest.raises(SourceError, match="no single body of convolutions"):
        chosen(ToySource(), (["a", "b"] * 20, ["x", "y"] * 20), int8="always")
    with pytest.raises(SourceError, match="backend 'openvino'"):
        chosen(tiny(), int8="always", backend="torch")


def test_without_openvino_it_is_left_alone_or_names_the_extra(times, monkeypatch):
    monkeypatch.setattr(number_format, "package_version", lambda _: "")
    source = tiny()
    assert chosen(source)[0] is source
    with pytest.raises(SourceError, match=r"headstart\[openvino\]"):
        chosen(source, int8="always")


def test_the_verdict_is_kept_for_fits_of_the_same_data(times, monkeypatch):
    source = headstart.open_source("headstart:image")
    times.update(usual=1000.0)
    taken, _ = chosen(source)
    times.update(int8=5000.0)  # would be refused now
    again, said = chosen(headstart.open_source("headstart:image"))
    assert isinstance(again, QuantizedSource)
    assert again.ranges.digest == taken.ranges.digest
    assert "earlier fit" in said[0]
    assert said[0].startswith("taken")


def test_a_model_fitted_in_int8_predicts_the_same_once_loaded(times, tmp_path):
    times.update(usual=1000.0)
    pictures, labels = photos()
    run = headstart.fit(
        (pictures, labels), source="headstart:image", baselines="none", out=tmp_path / "run", verbose=False
    )
    assert isinstance(run.model.source, QuantizedSource)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())["encoding"]
    assert manifest["precision"] == "int8"
    assert manifest["int8"]["taken"] is True
    assert {"usual_loss", "int8_loss", "usual_seconds", "int8_seconds", "saved", "spent"} <= set(manifest["int8"])
    for page in ("README.md", "report.html"):
        assert "leave-one-out loss" in (tmp_path / "run" / page).read_text(encoding="utf-8")
    loaded = headstart.load(tmp_path / "run", engine=Engine(cache=False))
    assert str(loaded.source.runtime) == ""
    assert np.array_equal(loaded.predict_proba(pictures[:5]), run.predict_proba(pictures[:5]))
    assert str(loaded.source.runtime) == "openvino int8"


def test_the_record_of_a_fit_says_why_int8_was_not_taken(times):
    times.update(int8=2.0)
    run = headstart.fit(photos(), source=tiny(), baselines="none", verbose=False)
    assert run.record["encoding"]["int8"]["taken"] is False
    assert "it is not faster here" in run.record["encoding"]["int8"]["why"]


def test_the_record_says_that_items_were_too_few(times, monkeypatch):
    monkeypatch.setattr(number_format, "FEWEST", 1000)
    found = in_number_format(audit_items(read(photos()), RunContext(Lines())), tiny(), RunContext(Lines()))
    assert found.record["taken"] is False
    assert "fewer than 1,000 items" in found.record["why"]


def test_nothing_is_recorded_for_sources_that_int8_does_not_concern(times):
    context = RunContext(Lines())
    audited = audit_items(read((["a", "b"] * 20, ["x", "y"] * 20)), context)
    assert in_number_format(audited, ToySource(), context).record == {}


def test_an_outcome_without_a_comparison_is_kept_too(times, monkeypatch):
    """Times differ from fit to fit: without the kept outcome, the next fit might give another model."""
    monkeypatch.setattr(number_format._Judging, "_may_pay", lambda *_: False)
    source = headstart.open_source("headstart:image")
    assert not isinstance(chosen(source, photos(40))[0], QuantizedSource)
    times.update(usual=1000.0)
    monkeypatch.setattr(number_format._Judging, "_may_pay", lambda *_: True)
    assert not isinstance(chosen(source, photos(40))[0], QuantizedSource)
    assert isinstance(chosen(source, photos(40), int8="always")[0], QuantizedSource)


def test_items_of_a_group_count_as_one_in_the_standard_error(times, monkeypatch):
    """Items of a group count as one: 24 pictures of 6 groups, each repeated with little noise."""
    rng = np.random.default_rng(1)
    pictures, labels = photos(12)
    copies = [np.clip(one + rng.integers(0, 30, one.shape), 0, 255).astype(np.uint8) for one in pictures * 4]
    groups = [str(k % 12) for k in range(48)]
    seen = {}
    original = number_format.mean_and_error

    def spy(values, units):
        seen["units"], seen["errors"] = units, [original(values, units)[1], original(values, None)[1]]
        return original(values, units)

    monkeypatch.setattr(number_format, "mean_and_error", spy)
    context = RunContext(Lines())
    data = replace(read((copies, labels * 4)), groups=np.array(groups))
    record = in_number_format(audit_items(data, context), tiny(), context).record
    assert len(np.unique(seen["units"])) <= 10  # two of twelve groups calibrate
    assert len(seen["units"]) == 24
    assert record["error"] == seen["errors"][0] != seen["errors"][1]


def test_items_of_two_groups_cannot_tell(times):
    context = RunContext(Lines())
    data = replace(read(photos()), groups=np.array(["one", "two"]).repeat(OF // 2))
    found = in_number_format(audit_items(data, context), tiny(), context)
    assert not isinstance(found.source, QuantizedSource)
    assert "fewer than three groups" in found.record["why"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"int8_loss": 0.2, "error": 0.01}, "rises by more than its noise"),
        ({"error": 0.1}, "cannot tell"),
        ({"int8_seconds": 0.0095}, "not faster"),
        ({"saved": 1.0}, "saves less time"),
    ],
)
def test_each_condition_refuses_alone(change, reason):
    figures = {
        "usual": "fp32", "items": 256, "usual_seconds": 0.01, "int8_seconds": 0.004, "usual_loss": 0.118,
        "int8_loss": 0.117, "error": 0.003, "saved": 12.0, "spent": 3.0,
    }  # fmt: skip
    refusal = Int8Verdict(**{**figures, **change}).refusal
    assert reason in refusal
    assert bool(refusal) == bool(reason)


def test_always_is_followed_where_the_items_cannot_judge_it(times):
    """Kind: an option that can be followed is followed: without a comparison, and this is reported."""
    context = RunContext(Lines(), Engine(int8="always"))
    data = replace(read(photos()), groups=np.array(["one", "two"]).repeat(OF // 2))
    found = in_number_format(audit_items(data, context), tiny(), context)
    assert isinstance(found.source, QuantizedSource)
    assert found.record["taken"] is True
    assert "without a comparison" in found.record["why"]


def poisoned(data, rows, seed=9):
    """The data with other pictures at some rows."""
    rng = np.random.default_rng(seed)
    items = [rng.integers(0, 255, (64, 64, 3)).astype(np.uint8) if k in rows else one for k, one in enumerate(data[0])]
    return items, data[1]


def judged_figures(data, split=None):
    context = RunContext(Lines())
    dataset = read(data) if split is None else replace(read(data), split=np.array(split))
    found = in_number_format(audit_items(dataset, context), tiny(), context)
    ranges = found.source.ranges.digest if isinstance(found.source, QuantizedSource) else ""
    return ranges, {k: v for k, v in found.record.items() if "loss" in k or k in ("taken", "items", "error")}


@pytest.mark.parametrize("given", [True, False])
def test_a_poisoned_test_part_leaves_the_decision_unchanged(times, monkeypatch, given):
    """Kind: held-out items take no part in a choice, whether the split is given or made by the fit."""
    monkeypatch.setattr("headstart.transfer.stages.judge.FEW_ITEMS", 10)
    times.update(usual=1000.0)
    data = photos(120)
    if given:
        split = ["test" if k % 3 == 0 else "train" for k in range(120)]
        held_out = {k for k in range(120) if k % 3 == 0}
        labels = [("green", "red")[name == "green"] if k in held_out else name for k, name in enumerate(data[1])]
        other = poisoned((data[0], labels), held_out)
    else:
        split, audited = None, audit_items(read(data), RunContext(Lines()))
        together = np.arange(120)
        plan = make_plan(audited.dataset, together, seed=0)
        assert len(plan.parts) == 1
        other = poisoned(data, set(plan.parts[0][1].tolist()))
    found = judged_figures(data, split)
    assert found[0]
    assert judged_figures(other, split) == found


def test_the_fit_of_a_time_limit_holds_out_what_the_samples_lack(times):
    """Kind: held-out items take no part, also where the clock turns folds into one held-out part."""
    audited = audit_items(read(photos()), RunContext(Lines()))
    context = RunContext(Lines(), clock=Clock.start(100.0))
    found = int8_sample.int8_sample(audited, tiny(), context)
    held_out = make_plan(audited.dataset, np.arange(OF), seed=0, once=True).parts[0][1]
    assert not {*held_out} & {*found.calibrating_rows, *found.judged_rows}


def test_a_source_of_some_blocks_is_judged_and_runs_in_int8(times):
    """Kind: a source that gives some blocks only has all that the choice of a number format uses."""
    times.update(usual=1000.0)
    full = headstart.open_source("headstart:image")
    some, said = chosen(full.only_blocks(["layer2"]), int8="always")
    assert isinstance(some, QuantizedSource)
    assert "leave-one-out loss" in said[0]
    assert [block.name for block in some.info.blocks] == ["layer2"]
    assert chosen(some) == (some, [])


def test_int8_is_refused_where_nothing_runs_in_it():
    """Kind: an option that would be ignored is refused in one sentence, before any work."""
    always = Engine(int8="always")
    data = photos(8)
    silent = {"verbose": False}
    for call in (
        lambda: headstart.fit(data, source="headstart:image", strategy="full", engine=always, **silent),
        lambda: headstart.fit(data, source="headstart:image", strategy="auto", engine=always, **silent),
        lambda: headstart.rank(data, ["headstart:image"], engine=always, **silent),
        lambda: headstart.audit_labels(data, engine=always, **silent),
        lambda: headstart.zero_shot(["a", "b"], source="toy", engine=always, **silent),
        lambda: fit_model(read(data), FitOptions("headstart:image"), RunContext(SilentReporter(), always)),
    ):
        with pytest.raises(ParameterError, match=r"int8='always' is for a fit whose body stays frozen.*leave int8 out"):
            call()


@pytest.mark.parametrize("options", [["--strategy", "full"], ["--strategy", "auto"]])
def test_the_command_refuses_int8_with_a_strategy(options, capsys):
    assert main(["fit", "nowhere", *options, "--int8", "always"]) == 2
    assert "whose body stays frozen" in capsys.readouterr().err
