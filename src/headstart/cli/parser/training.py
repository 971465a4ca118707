"""Options of a training: how long, how fast, on what, and which part of the body."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import Group
from headstart.tune.training.chosen import FIND
from headstart.tune.training.settings import Training

__all__ = ["OPTIONS", "add_training", "option_name", "setting"]

RATE = "5e-4 with batch normalisation, 2e-4 where its statistics stay, as by lp_ft; transformers 1e-4 and 7e-5"
OPTIONS = {
    "epochs": "passes over the training items",
    "learning_rate": f"largest learning rate; rates of blocks and heads are multiples of it; find (fit with a named "
    f"strategy) tests rates in a short training (default: {RATE})",
    "weight_decay": "weight decay of matrices; biases and gains have none",
    "patience": "stop after N epochs without a lower validation loss; 0 never stops early",
    "augmentation": "changes of the training items: none, light (crops and mirror images; shifts of sounds; 5%% of "
    "the tokens dropped), standard (more of them)",
    "freeze": "leave the first N blocks of the body frozen, or the part NAME, such as encoder.layer.0 (default: "
    "the strategy decides)",
    "unfreeze": "train only the last N blocks, or the part NAME; with --freeze these are its exceptions",
    "keep_trained": "keep the best trained weights even if the start has a lower validation loss; without it the start "
    "is kept then, which is reported",
}
"""The settings of `Training` that have an option of their own, with their help."""

METAVARS = {"epochs": "N", "learning_rate": "RATE", "weight_decay": "X", "patience": "N", "augmentation": "HOW",
            "freeze": "N|NAME", "unfreeze": "N|NAME"}  # fmt: skip
WHY = {
    "epochs": "3 to 15, so that about 300 steps are made; contrastive 10, side 15, scratch 30, boxes 20 to 80, masks 8 "
    "to 50, the random field of words 8",
    "weight_decay": "0.01, which suits AdamW on small data; boxes and masks too, the random field of words 0.05",
    "patience": "0: the best epoch is kept in any case, so this only saves time",
    "augmentation": "auto: light for pictures and sounds, none for texts, and none up to 5 epochs, which are too few "
    "to gain by it",
}


def option_name(name: str) -> str:
    """The option of a setting.

    Examples:
        >>> option_name("learning_rate"), option_name("augmentation"), option_name("mixup")
        ('--learning-rate', '--augment', '--set mixup')
    """
    if name == "augmentation":
        return "--augment"
    return "--" + name.replace("_", "-") if name in (*OPTIONS, "batch_size", "trials") else f"--set {name}"


def add_training(parser: Parser, title: str, defaults: Training | None = None) -> Group:
    """The group of the training's options.

    Args:
        parser: of the command.
        title: of the group.
        defaults: the settings where an option is not given; None where they depend on the strategy and the items.

    Examples:
        >>> parser = Parser()
        >>> _ = add_training(parser, "training")
        >>> found = parser.parse_args(["--epochs", "3", "--freeze", "2", "--set", "mixup=0.2"])
        >>> found.epochs, found.freeze, found.set
        (3, 2, [('mixup', 0.2)])
    """
    group = parser.add_argument_group(title)
    parser.set_defaults(settings=(*OPTIONS, "batch_size"))
    hints = get_type_hints(Training)
    for name, text in OPTIONS.items():
        value = None if defaults is None else getattr(defaults, name)
        why = WHY.get(name) if defaults is None or isinstance(value, bool) else str(value)
        shown = text if why is None or "(default" in text else f"{text} (default: {why})"
        group.add_argument(option_name(name), dest=name, default=value, help=shown, **_taken(name, hints[name]))
    further = ", ".join(field.name for field in fields(Training) if field.name not in (*OPTIONS, "batch_size"))
    own = "" if defaults is not None else ", or one of the strategy's own, such as rank=4 of lora"
    group.add_argument(
        "--set", metavar="NAME=VALUE", action="append", type=setting, default=[],
        help=f"any other setting of the training ({further}){own}; repeat the option for several",
    )  # fmt: skip
    return group


def _taken(name: str, hint: Any) -> dict[str, Any]:
    """What an option takes, by the type of its setting."""
    if hint is bool:
        return {"action": "store_const", "const": True}
    if get_origin(hint) is Literal:
        # without a value, as it was before there were several: the usual augmentation
        return {"choices": get_args(hint), "metavar": METAVARS[name], "nargs": "?", "const": "auto"}
    kinds = get_args(hint) or (hint,)
    parse = _rate if name == "learning_rate" else _part if str in kinds else _number if float in kinds else _whole
    return {"type": parse, "metavar": METAVARS[name]}


def setting(text: str) -> tuple[str, bool | int | float | str]:
    """Parse ``NAME=VALUE``.

    Args:
        text: the value is a truth value, a number or a text.

    Examples:
        >>> setting("rank=4"), setting("embeddings=true"), setting("optimizer=sgd")
        (('rank', 4), ('embeddings', True), ('optimizer', 'sgd'))
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise argparse.ArgumentTypeError(f"it must be NAME=VALUE, such as mixup=0.2. Got '{text}' instead.")
    return name.strip().replace("-", "_"), _value(value.strip())


def _value(text: str) -> bool | int | float | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"it must be a whole number. Got '{text}' instead.") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"it must be a number, such as 1e-4. Got '{text}' instead.") from None


def _rate(text: str) -> float | str:
    """Parse a learning rate, or the word for one that is to be found."""
    return FIND if text.strip() == FIND else _number(text)


def _part(text: str) -> int | str:
    """Parse a number of blocks, or the name of a part, which no number is."""
    if text.isascii() and text.isdecimal():
        return int(text)
    if isinstance(_value(text), float | int) or not text.strip():
        raise argparse.ArgumentTypeError(f"it must be a whole number of 0 or more, or a name. Got '{text}' instead.")
    return text
