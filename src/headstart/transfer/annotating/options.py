"""Options of a fit that have no meaning for annotated items: refused, never ignored."""

from __future__ import annotations

from headstart.errors import ParameterError
from headstart.sources.bodies.trainable import TrainableSource
from headstart.tasks.annotations import ANNOTATION_TASKS
from headstart.transfer.stages.options import FitOptions, refuse_unused_training
from headstart.tune import STRATEGIES
from headstart.tune.moving.contract import MovingStrategy
from headstart.tune.training.chosen import asks_for_rate, check_chosen, own_settings, trials_of, with_chosen
from headstart.types import Source

__all__ = ["STRATEGIES_OF", "UNUSED", "check_options", "check_source", "is_own_strategy"]

STRATEGIES_OF = {
    "token": ("frozen", "auto", "random_field", "lp_ft", "full", "lora", "bitfit", "norm_only"),
    "box": ("frozen", "auto", "full", "lp_ft", "scratch"),
    "mask": ("frozen", "auto", "decoder"),
}
"""The names of strategies by kind of task."""

_OF_ITEMS = ("augmentation", "mixup", "cutmix", "label_smoothing")
_OF_BODIES = ("freeze", "unfreeze", "batch_statistics")
UNUSED = {
    "random_field": (*_OF_ITEMS, *_OF_BODIES, "micro_batch"),
    "token": _OF_ITEMS,
    "box": (*_OF_ITEMS, "micro_batch", "dropout"),
    "mask": (*_OF_ITEMS, *_OF_BODIES, "micro_batch", "dropout"),
}
"""The training settings that have no effect: of the random field, and by kind of task of what else is trained."""

OWN = ("random_field", "decoder")  # of annotated items alone


def is_own_strategy(strategy: object) -> bool:
    """Whether a strategy is one that only annotated items have, so that the data decide whether it fits.

    Args:
        strategy: as in `headstart.transfer.fit.fit`.

    Examples:
        >>> is_own_strategy("decoder"), is_own_strategy("full")
        (True, False)
    """
    return isinstance(strategy, str) and strategy in OWN


def check_options(options: FitOptions, kind: str) -> None:
    """Raise for an option of a fit that a task of this kind would ignore.

    Args:
        options: of the fit.
        kind: ``"token"``, ``"box"`` or ``"mask"``.

    Raises:
        ParameterError: names the options, or the strategies that there are.

    Examples:
        >>> from headstart.heads import HeadSearch
        >>> check_options(FitOptions(search=HeadSearch(("svm",))), "token")
        Traceback (most recent call last):
        headstart.errors.ParameterError: A fit of spans takes no 'heads' (--head); leave it out.
    """
    search = options.search
    given = {
        "heads": search.heads is not None,
        "layers": search.layers != "auto",
        "fusion": search.fusion != "auto",
        "class_weight": search.class_weight is not None,
        "drop_suspects": search.drop_suspects,
        "label_text": options.label_text not in ("auto", "none", None),
        "on_epoch": options.on_epoch is not None,
        "source_data": options.source_data is not None,
        "several sources": isinstance(options.source, list | tuple) and len(options.source) > 1,
    }
    wrong = [name for name, was in given.items() if was]
    if wrong:
        names, it = " and ".join(map(_written, wrong)), "it" if len(wrong) == 1 else "them"
        raise ParameterError(f"A fit of {ANNOTATION_TASKS[kind].annotations} takes no {names}; leave {it} out.")
    known = STRATEGIES_OF[kind]
    if isinstance(options.strategy, str) and options.strategy not in known:
        raise ParameterError(
            f"A fit of {ANNOTATION_TASKS[kind].annotations} takes one of the strategies {', '.join(known)}. Got "
            f"'{options.strategy}' instead."
        )
    _check_training(options, kind)


def _check_training(options: FitOptions, kind: str) -> None:
    """Raise for a training setting that this training does not have."""
    if not options.training:
        return
    if options.is_frozen:
        refuse_unused_training(options.training)
    if asks_for_rate(options.training) or trials_of(options.training):
        raise ParameterError(
            f"Range tests and trials find the settings of a strategy on items with labels, not on "
            f"{ANNOTATION_TASKS[kind].annotations}; give a number, or leave them out."
        )
    name = options.strategy if isinstance(options.strategy, str) else options.strategy.name
    own = own_settings(STRATEGIES[name]) if kind == "token" and name in STRATEGIES else None
    unused = UNUSED[name if name in UNUSED else kind]
    check_chosen(options.training, f"'{name}' on {ANNOTATION_TASKS[kind].annotations}", own=own, unused=unused)


def check_source(options: FitOptions, source: Source) -> None:
    """Raise, before anything is encoded, for a training setting that names nothing of the body of a source.

    Args:
        options: of the fit, which `check_options` passed.
        source: the one that was opened.

    Raises:
        ParameterError: names the setting, and what the body has.
        SourceError: if the body cannot be fine-tuned.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> check_source(FitOptions(strategy="full", training={"freeze": 7}), toy_shift().source)
        Traceback (most recent call last):
        headstart.errors.ParameterError: freeze=7 counts more blocks than the body has: 3. ...
    """
    if options.is_frozen or not options.training or is_own_strategy(options.strategy):
        return
    strategy, named = options.strategy, options.strategy != "auto"
    found = STRATEGIES[strategy if named else "lp_ft"] if isinstance(strategy, str) else strategy
    if isinstance(found, MovingStrategy) and (named or isinstance(source, TrainableSource)):
        from headstart.tune.moving.rehearsal import check_training_of

        check_training_of(with_chosen(found, options.training), source, options.training)


def _written(name: str) -> str:
    """The name of an option in Python and, where it differs, on the command line."""
    option = {"heads": "--head"}.get(name, f"--{name.replace('_', '-')}")
    return name if " " in name else f"'{name}' ({option})"
