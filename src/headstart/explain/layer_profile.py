"""Layer profile: which layers of the body the answer comes from, and how much each of them knows about the task.

For a linear head on several layers the share of a layer in this answer is the sum of w_j (x_j - μ_j) over its features,
exactly. Over the training items its share of the variance of the score is cov(f_layer, f) / var(f); the shares sum to
one. With the training items at hand, a ridge head is solved on each layer alone: its leave-one-out loss says how much
that layer knows about the task.

References: Alain & Bengio, "Understanding intermediate layers using linear classifier probes", ICLR workshop 2017;
Adler, "On the covariance decomposition of R²" (the Pratt index), Journal of Marketing Research 1987.

Command: headstart explain RUN ITEM --method layer_profile
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.attributions import Attribution, LayerShare, LayerShares
from headstart.explain.asking.columns import FeatureGroups, compared_layers, feature_groups
from headstart.explain.asking.query import Query
from headstart.explain.asking.training_rows import TrainingRows
from headstart.explain.registry import Need
from headstart.heads import HeadSearch, select_head
from headstart.rows import take_rows
from headstart.tasks import is_regression
from headstart.types import Block, Modality

__all__ = ["LAYER_PROFILE", "LayerProfile"]

Array = NDArray[np.float64]
MOST_ROWS = 2000  # for the losses of single layers
MOST = 0.5  # share of an answer that is called "most" of it
THIRDS = ("early", "middle", "late")


@dataclass(frozen=True)
class LayerProfile:
    """The share of each layer in an answer.

    Attributes:
        name: ``"layer_profile"``.
        title: what it shows.
        modalities: items that a body encodes.
        needs: a linear head on several layers and the mean training row.

    Examples:
        >>> from headstart import fit
        >>> texts = ["a good film", "good fun", "a bad film", "bad luck"] * 6
        >>> data = ([f"{text} {k}" for k, text in enumerate(texts)], ["+", "+", "-", "-"] * 6)
        >>> model = fit(data, source="toy", layers="all", verbose=False).model
        >>> found = model.explain("a good one", method="layer_profile")["layer_profile"]
        >>> [layer.name for layer in found.shown.layers], found.completeness < 1e-6
        (['letters', 'trigrams'], True)
    """

    name: str = "layer_profile"
    title: str = "Layers that the answer comes from"
    modalities: frozenset[Modality] = frozenset({"text", "image", "audio"})
    needs: frozenset[Need] = frozenset({"linear head", "several blocks", "mean row"})

    def __call__(self, query: Query) -> Attribution:
        """The share of each layer in this answer, and in the spread over the training items where they are at hand."""
        mean = query.mean
        groups = feature_groups(query)
        shares = np.zeros(len(groups.names))
        np.add.at(shares, groups.of_feature, query.direction * (query.mapped - mean))
        weights = _spread(query, groups)
        training = query.training
        losses = np.full(len(shares), np.nan) if training is None else _layer_losses(training, groups, query.seed)
        layers = tuple(
            LayerShare(name, float(share), float(weight), float(loss))
            for name, share, weight, loss in zip(groups.names, shares, weights, losses, strict=True)
        )
        baseline = float(query.direction @ mean + query.constant)
        gap = abs(float(shares.sum()) - (query.value - baseline))
        unit = "squared error" if is_regression(query.model.task) else "log-loss"
        return Attribution(
            self.name, self.title, LayerShares(layers, _sentence(query, layers, unit)), query.contrast.quantity,
            query.contrast.unit, query.value, baseline, "the mean training item", gap,
        )  # fmt: skip


def _sentence(query: Query, layers: tuple[LayerShare, ...], unit: str) -> str:
    """The profile in words, and what the fit found when it chose the layers."""
    words, compared = profile_words(layers, unit), compared_layers(query)
    own = query.model.head.feature_map.name
    others = {name: loss for name, loss in compared.items() if name != own}
    if own not in compared or not others:
        return words
    best = min(others, key=lambda name: others[name])
    return (
        f"{words} The fit chose {own} by the leave-one-out loss: {compared[own]:.3f}, against {others[best]:.3f} of "
        f"{best}."
    )


def _spread(query: Query, groups: FeatureGroups) -> Array:
    """cov(f_layer, f) / var(f) over the training items, (layers,); nan where their moments are not known."""
    moments, direction = query.model.moments, query.direction
    if moments is None:
        return np.full(len(groups.names), np.nan)
    towards = moments.scatter @ direction  # Σw (x - μ) (f - mean f)
    total = float(direction @ towards)
    sums = np.zeros(len(groups.names))
    np.add.at(sums, groups.of_feature, direction * towards)
    return sums / total if total > 0 else np.full(len(sums), np.nan)


def _layer_losses(training: TrainingRows, groups: FeatureGroups, seed: int = 0) -> Array:
    """The leave-one-out loss of a ridge head on each layer alone, (layers,).

    As in the fit, rows that were set aside as suspect are left out, rows of a group are left out together, and classes
    have the same weights.

    Args:
        training: the training rows; at most 2,000 of them, in complete groups, are used.
        groups: the layer of each feature.
        seed: of the choice among more rows.
    """
    drawn = _fitted_rows(training, seed)
    rows = np.asarray(take_rows(training.rows, drawn)[:], np.float32)
    y, task = training.y[drawn], training.task
    together = None if training.groups is None else np.unique(training.groups[drawn], return_inverse=True)[1]
    search = HeadSearch(("ridge",), "balanced" if training.is_balanced else None)
    found = []
    for layer, name in enumerate(groups.names):
        own = rows[:, groups.of_feature == layer]
        blocks = (Block(name, own.shape[1]),)
        found.append(select_head(own, y, task, blocks=blocks, groups=together, seed=seed, search=search).loss)
    return np.array(found, np.float64)


def _fitted_rows(training: TrainingRows, seed: int) -> NDArray[np.intp]:
    """Positions of the rows that the head was fitted on; of more than 2,000, of groups drawn at random."""
    fitted = np.arange(len(training)) if training.weights is None else np.flatnonzero(training.weights)
    if len(fitted) <= MOST_ROWS:
        return fitted
    codes = np.arange(len(training)) if training.groups is None else training.groups
    _, own = np.unique(codes[fitted], return_inverse=True)
    order = np.random.default_rng(seed).permutation(int(own.max()) + 1)
    count = int(np.searchsorted(np.cumsum(np.bincount(own)[order]), MOST_ROWS, side="right"))
    return np.asarray(fitted[np.isin(own, order[: max(2, count)])])


def profile_words(layers: tuple[LayerShare, ...], unit: str) -> str:
    """A layer profile in words.

    Args:
        layers: first to last.
        unit: of the losses.

    Examples:
        >>> print(profile_words((LayerShare("a", 0.1, 0.2, 0.9), LayerShare("b", 0.8, 0.8, 0.4)), "log-loss"))
        The head reads 2 layers; b carries most of this answer (89%). Over all training items b carries 80% of the \
variance. Alone, b knows most about the task (log-loss 0.400, against 0.900 for a).
    """
    if len(layers) == 1:
        return f"The head reads a single layer, {layers[0].name}."
    words = [f"The head reads {len(layers)} layers; {_answer_words(layers)}."]
    if np.isfinite(layers[0].weight):
        words.append(_spread_words(layers))
    if np.isfinite(layers[0].loss):
        best, worst = min(layers, key=lambda layer: layer.loss), max(layers, key=lambda layer: layer.loss)
        words.append(
            f"Alone, {best.name} knows most about the task ({unit} {best.loss:.3f}, against {worst.loss:.3f} for "
            f"{worst.name})."
        )
    return " ".join(words)


def _answer_words(layers: tuple[LayerShare, ...]) -> str:
    """Which layer counts most for the answer, in a clause: "most" of it only from half of the sum on."""
    most = max(layers, key=lambda layer: layer.value)
    total = sum(layer.value for layer in layers)
    if most.value <= 0:
        return "none of them speaks for it"
    if total <= 0:
        return f"{most.name} speaks for it most, but the others outweigh it"
    share = most.value / total
    if share > 1:
        return f"{most.name} carries this answer, and some of the others speak against it"
    if share >= MOST:
        return f"{most.name} carries most of this answer ({share:.0%})"
    return f"the largest share of this answer, {share:.0%}, comes from {most.name}"


def _spread_words(layers: tuple[LayerShare, ...]) -> str:
    if len(layers) < 2 * len(THIRDS):
        most = max(layers, key=lambda layer: layer.weight)
        return f"Over all training items {most.name} carries {most.weight:.0%} of the variance."
    thirds = [sum(layer.weight for layer in part) for part in np.array_split(np.array(layers, object), len(THIRDS))]
    k = int(np.argmax(thirds))
    return f"Over all training items the {THIRDS[k]} layers count most: they carry {thirds[k]:.0%} of the variance."


LAYER_PROFILE = LayerProfile()
