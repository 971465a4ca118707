"""Settings that a user chose reach the training, or are refused in one sentence."""

from __future__ import annotations

from dataclasses import fields

import pytest

from headstart.cli.main import main
from headstart.cli.parser.training import OPTIONS
from headstart.errors import ParameterError, UnknownNameError, UsageError
from headstart.transfer.annotating.options import UNUSED, check_options
from headstart.transfer.gate.move_body import check_strategy
from headstart.transfer.gate.pilot import _half
from headstart.transfer.gate.strategy_choice import sized
from headstart.transfer.stages.options import FitOptions
from headstart.tune import STRATEGIES
from headstart.tune.lp_ft import LP_FT
from headstart.tune.training.chosen import own_settings, with_chosen
from headstart.tune.training.settings import Training
from headstart.types import Dataset

NAMES = {field.name for field in fields(Training)}


def test_each_option_is_a_setting_of_a_training():
    assert set(OPTIONS) < NAMES
    assert {name for names in UNUSED.values() for name in names} < NAMES


def test_chosen_settings_win_over_those_that_follow_from_the_items():
    items = Dataset([0] * 9000, tuple(map(str, range(9000))), "vector")
    usual = sized(LP_FT, items).training
    assert (usual.epochs, usual.augmentation) == (3, "none")
    chosen = sized(LP_FT, items, {"epochs": 12, "batch_size": 8}).training
    assert (chosen.epochs, chosen.batch_size, chosen.augmentation) == (12, 8, "auto")
    assert sized(LP_FT, items, {"batch_size": 512}).training.epochs == 15  # few steps an epoch
    assert sized(LP_FT, items, {"augmentation": "standard"}).training.augmentation == "standard"


def test_a_pilot_has_no_more_epochs_than_the_training():
    assert [_half(epochs) for epochs in (1, 2, 3, 8)] == [1, 2, 2, 4]


def test_an_empty_choice_changes_nothing():
    assert with_chosen(LP_FT, None) is LP_FT
    assert with_chosen(LP_FT, {}) is LP_FT


@pytest.mark.parametrize("chosen", [{"epochs": 2.5}, {"freeze": -1}, {"freeze": ""}, {"embeddings": 1}, {"decay": 7}])
def test_wrong_values_are_one_sentence(chosen):
    with pytest.raises(ParameterError, match=next(iter(chosen))):
        check_strategy("lp_ft", training=chosen)


def test_settings_that_a_strategy_lacks_are_refused():
    with pytest.raises(UnknownNameError, match="'rank'"):
        check_strategy("lp_ft", training={"rank": 4})
    with pytest.raises(UnknownNameError, match="'rank'"):
        check_strategy("auto", training={"rank": 4})
    with pytest.raises(ParameterError, match="'epochs', 'rank' need a strategy that trains"):
        check_strategy("frozen", training={"epochs": 3, "rank": 4})
    check_strategy("lora", training={"rank": 4})


@pytest.mark.parametrize(("kind", "strategy", "name"), [
    ("mask", "decoder", "freeze"), ("box", "full", "mixup"), ("token", "random_field", "freeze"),
    ("token", "lp_ft", "label_smoothing"),
])  # fmt: skip
def test_settings_that_have_no_effect_on_annotations_are_refused(kind, strategy, name):
    value = 1 if name == "freeze" else 0.1
    with pytest.raises(ParameterError, match=f"'{name}' has no effect on the training of '{strategy}'"):
        check_options(FitOptions(strategy=strategy, training={name: value}), kind)
    check_options(FitOptions(strategy=strategy, training={"epochs": 2}), kind)


@pytest.mark.parametrize(("words", "sentence"), [
    (["--epochs", "3", "--freeze", "2"], "--epochs and --freeze would have no effect"),
    (["--strategy", "lp_ft", "--epochs", "3", "--set", "epochs=4"], "'epochs' is given twice"),
    (["--strategy", "lora", "--set", "rnak=4"], "Did you mean 'rank'?"),
])  # fmt: skip
def test_the_command_refuses_them_before_reading_anything(words, sentence, capsys):
    assert main(["fit", "no-such-file.csv", *words]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("word", ["mixup", "=3", "mixup="])
def test_a_setting_without_a_value_is_refused(word, capsys):
    with pytest.raises(SystemExit):
        main(["fit", "a.csv", "--strategy", "lp_ft", "--set", word])
    assert "it must be NAME=VALUE" in capsys.readouterr().err


def test_the_batch_size_of_frozen_features_is_that_of_encoding():
    from headstart.cli.fit import _training
    from headstart.cli.parser import build_parser

    parse = build_parser().parse_args
    assert _training(parse(["fit", "a.csv", "--batch-size", "8"])) is None
    assert _training(parse(["fit", "a.csv", "--batch-size", "8", "--strategy", "lp_ft"])) == {"batch_size": 8}


NUMBERS = [
    *((name, key) for name in STRATEGIES for key, value in own_settings(STRATEGIES[name]).items()
      if isinstance(value, int | float) and not isinstance(value, bool)),
    *(("full", field.name) for field in fields(Training) if field.type in ("int", "float", "float | None")),
]  # fmt: skip


@pytest.mark.parametrize(("strategy", "key"), NUMBERS)
def test_every_number_has_to_be_finite(strategy, key):
    """Kind: infinity was a learning rate, a weight decay, a weight of a loss."""
    for value in (float("inf"), float("-inf"), float("nan"), 10**400):
        with pytest.raises(ParameterError, match=f"'{key}' parameter of .* must be"):
            with_chosen(STRATEGIES[strategy], {key: value})


@pytest.mark.parametrize(("key", "value"), [
    ("epochs", 10**11), ("batch_size", 10**14), ("patience", 10**20), ("learning_rate", 5e4), ("weight_decay", 1e30),
])  # fmt: skip
def test_a_slip_of_the_pen_is_refused(key, value):
    """Kind: a rate of 5e4 in place of 5e-4 was trained with."""
    with pytest.raises(ParameterError, match=f"'{key}' parameter of Training must be"):
        Training(**{key: value})


TEXTS = [(name, key) for name in STRATEGIES for key, value in own_settings(STRATEGIES[name]).items()
         if isinstance(value, str)]  # fmt: skip


@pytest.mark.parametrize(("strategy", "key"), TEXTS)
def test_every_name_has_to_be_known(strategy, key):
    """Kind: an architecture that nobody has was noticed when the training began."""
    with pytest.raises(UsageError, match="no_such_name"):
        with_chosen(STRATEGIES[strategy], {key: "no_such_name"})
