"""Model cards: the accuracy and the languages that a body's publisher states; nothing is inferred."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headstart.io import read_start

__all__ = ["published_accuracy", "stated_accuracy", "stated_languages"]

ACCURACY = {"accuracy", "acc", "top-1-accuracy", "top_1_accuracy", "top1", "acc@1", "top-1 accuracy"}
MARK, LANGUAGE = "model-index", "language"
LONGEST_CODE, MOST_LANGUAGES = 20, 300
MOST_BYTES = 4 * 2**20  # of a card that is read


def published_accuracy(card: Path) -> tuple[float | None, str | None]:
    r"""The accuracy in a card's ``model-index``, and the data set that it was measured on.

    A card with accuracies on several data sets does not state which of them is the body's own task, so none is used.

    Args:
        card: README.md of a checkpoint; it need not exist.

    Returns:
        The accuracy in [0, 1] and the name of the data set; (None, None) unless exactly one is stated.

    Examples:
        >>> import tempfile
        >>> card = Path(tempfile.mkdtemp()) / "README.md"
        >>> result = "{dataset: {name: ImageNet-1k}, metrics: [{type: accuracy, value: 71.9}]}"
        >>> _ = card.write_text(f"---\nmodel-index: [{{name: a, results: [{result}]}}] \n---\n# A body\n")
        >>> published_accuracy(card)
        (0.719, 'ImageNet-1k')
    """
    facts = _front_matter(card, MARK)
    found = {
        (value, str(dataset))
        for entry in _list(_get(facts, MARK))
        for result in _list(_get(entry, "results"))
        for dataset in [_get(_get(result, "dataset"), "name")]
        for metric in _list(_get(result, "metrics"))
        for value in [stated_accuracy(_get(metric, "value"))]
        if str(_get(metric, "type")).lower() in ACCURACY and value is not None and dataset
    }
    return next(iter(found)) if len(found) == 1 else (None, None)


def stated_languages(card: Path) -> tuple[str, ...]:
    r"""The language codes under ``language`` in a card, in their order.

    Args:
        card: README.md of a checkpoint; it need not exist.

    Examples:
        >>> import tempfile
        >>> card = Path(tempfile.mkdtemp()) / "README.md"
        >>> _ = card.write_text("---\nlanguage:\n- de\n- no\n---\n# A body\n")
        >>> stated_languages(card)     # YAML 1.1 reads "no" as false
        ('de', 'no')
    """
    stated = _get(_front_matter(card, LANGUAGE), LANGUAGE)
    several = stated if isinstance(stated, list) else [] if stated is None else [stated]
    # YAML 1.1 reads the code "no" (Norwegian) as false.
    found = ("no" if one is False else str(one).strip() for one in several if isinstance(one, str | bool))
    return tuple(dict.fromkeys(one for one in found if one and len(one) <= LONGEST_CODE))[:MOST_LANGUAGES]


def _front_matter(card: Path, mark: str) -> Any:
    """The YAML front matter of a card that contains ``mark``; None if there is none, or if it cannot be read."""
    try:
        if card.stat().st_size > MOST_BYTES or mark not in read_start(card, MOST_BYTES):
            return None
    except OSError:  # there is none
        return None
    from huggingface_hub.repocard import metadata_load

    try:
        return metadata_load(card)
    except Exception:  # noqa: BLE001 (the YAML comes from anyone: an unreadable card states nothing)
        return None


def stated_accuracy(value: object) -> float | None:
    """A stated accuracy, as a fraction or in percent, as a number in [0, 1]; None if it is neither.

    Examples:
        >>> stated_accuracy(0.719), stated_accuracy(71.9), stated_accuracy("high")
        (0.719, 0.719, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 100:
        return None
    return float(value) if value <= 1 else round(value / 100, 6)


def _get(value: object, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
