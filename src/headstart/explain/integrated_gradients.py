"""Integrated gradients over token embeddings: attributions to words that sum to the difference from a baseline.

    a_t = Σ_j (e_tj - e'_tj) ∫₀¹ ∂f/∂e_tj (e' + s(e - e')) ds,      Σ_t a_t = f(e) - f(e').

The baseline e' has the embedding of the mask token (without one: of the padding token) in the place of each token of
the text; tokens such as [CLS] stay. The path is cut into panels of eight Gauss-Legendre nodes each. What a panel ought
to sum to is known, f at its end minus f at its start, so panels that are off are halved until the whole agrees to 0.1%.

References: Sundararajan, Taly & Yan, "Axiomatic Attribution for Deep Networks", ICML 2017; Kokhlikyan et al., "Captum",
arXiv:2009.07896, 2020 (its LayerIntegratedGradients agrees).

Command: headstart explain RUN ITEM --method integrated_gradients
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.attributions import Attribution, TextShare, TextShares
from headstart.explain.asking.query import Query
from headstart.explain.asking.words import Span, word_spans
from headstart.explain.bodies.token_bodies import embedded_text
from headstart.explain.bodies.torch_head import torch_quantity
from headstart.explain.registry import Need
from headstart.sources.bodies.embedded_text import EmbeddedText
from headstart.types import Modality

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["INTEGRATED_GRADIENTS", "IntegratedGradients", "integrate", "summed_over"]

Array = NDArray[np.float64]
NODES = 8  # of a panel
PANELS = 4  # at the start
MOST_PANELS = 128
TOLERANCE = 1e-3  # of the difference, relative
FLOOR = 1e-4  # absolute: below it a difference of the score is nothing
TOKENS_AT_ONCE = 4096


@dataclass(frozen=True)
class IntegratedGradients:
    """Attributions to the words of a text.

    Attributes:
        baseline: ``"mask"``, ``"pad"`` or ``"zero"``; a tokenizer without a mask token has ``"pad"`` instead of it.
        name: ``"integrated_gradients"``.
        title: what it shows.
        modalities: texts.
        needs: a linear head and a body with token embeddings.

    Examples:
        >>> from headstart import fit
        >>> texts = ["a good film", "good fun", "a bad film", "bad luck"] * 6
        >>> data = ([f"{text} {k}" for k, text in enumerate(texts)], ["+", "+", "-", "-"] * 6)
        >>> model = fit(data, source="headstart:text", baselines="none", verbose=False).model
        >>> found = model.explain("a good one", label="+", method="integrated_gradients")["integrated_gradients"]
        >>> difference = found.value - found.baseline
        >>> gap = abs(found.shown.values.sum() - difference) / abs(difference)
        >>> [span.text for span in found.shown.spans], bool(gap < 2e-3)
        (['a', 'good', 'one'], True)
    """

    baseline: str = "mask"
    name: str = "integrated_gradients"
    title: str = "Words that speak for and against"
    modalities: frozenset[Modality] = frozenset({"text"})
    needs: frozenset[Need] = frozenset({"linear head", "token embeddings"})

    def __call__(self, query: Query) -> Attribution:
        """The attribution of each word: the sum over its tokens."""
        import torch

        text = embedded_text(query.model.source, query.item)
        kind = self.baseline if self.baseline in text.baselines else "pad"
        end = torch.from_numpy(text.embeddings)
        start = end.clone()
        start[torch.from_numpy(text.own)] = torch.from_numpy(text.baselines[kind])
        quantity = torch_quantity(query)
        found = integrate(lambda embedded: quantity(text.blocks(embedded)), start, end)
        shown = TextShares(text.text, tuple(summed_over(text, found.values)))
        notes = [f"Computed in fp32; the model itself, on its backend, gives {query.value:.4g}."]
        if text.lost:
            notes.append(f"The body reads the first {int(text.own.sum())} tokens; the last {text.lost} have no part.")
        return Attribution(
            self.name, self.title, shown, query.contrast.quantity, query.contrast.unit, found.end, found.start,
            f"each token of the text replaced by the {kind} embedding", found.gap,
            {"nodes": float(found.nodes), "difference from the model's own score": abs(found.end - query.value)},
            tuple(notes),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class PathIntegral:
    """Integrated gradients of the positions of an input.

    Attributes:
        values: (t,) the attribution of each position.
        start: f at the baseline.
        end: f at the input.
        nodes: how many gradients were computed.
    """

    values: Array
    start: float
    end: float
    nodes: int

    @property
    def gap(self) -> float:
        """How far the sum is off the difference."""
        return abs(float(self.values.sum()) - self.end + self.start)


def integrate(
    quantity: Callable[[Tensor], Tensor], start: Tensor, end: Tensor, *, tolerance: float = TOLERANCE
) -> PathIntegral:
    """Integrate the gradients on the line from ``start`` to ``end``.

    Args:
        quantity: a function of (n, t, width) inputs that gives (n,), with gradients.
        start: (t, width) the baseline.
        end: (t, width) the input.
        tolerance: how much the sum may be off, relative to the difference; default 0.001.

    Examples:
        >>> import torch
        >>> squares = lambda x: x.double().square().sum(2).prod(1)
        >>> found = integrate(squares, torch.zeros(2, 1), torch.tensor([[1.0], [3.0]]))
        >>> found.values.round(6), found.end
        (array([4.5, 4.5]), 9.0)
    """
    places, weights = np.polynomial.legendre.leggauss(NODES)
    nodes, weights = (places + 1) / 2, weights / 2
    edges = np.linspace(0.0, 1.0, PANELS + 1)
    ends = dict(zip(edges.tolist(), _values(quantity, start, end, edges), strict=True))
    panels: dict[tuple[float, float], Array] = {}
    pending = [(float(a), float(b)) for a, b in pairwise(edges)]
    while pending:
        for a, b in pending:
            slopes = _slopes(quantity, start, end, a + (b - a) * nodes)
            panels[a, b] = (b - a) * (weights @ slopes)
        whole = ends[1.0] - ends[0.0]
        allowed = max(tolerance * abs(whole), FLOOR)
        off = {one: abs(float(found.sum()) - ends[one[1]] + ends[one[0]]) for one, found in panels.items()}
        total = abs(sum(float(found.sum()) for found in panels.values()) - whole)
        if total <= allowed or 2 * len(panels) > MOST_PANELS:
            break
        pending = []
        # halve the panels that are off by more than their share
        for a, b in [one for one, gap in off.items() if gap > allowed / len(off)]:
            middle = (a + b) / 2
            ends[middle] = float(_values(quantity, start, end, np.array([middle]))[0])
            del panels[a, b]
            pending += [(a, middle), (middle, b)]
    values = np.sum([*panels.values()], axis=0)
    return PathIntegral(values, ends[0.0], ends[1.0], NODES * len(panels))


def _inputs(start: Tensor, end: Tensor, places: Array) -> list[Tensor]:
    """The points on the line, in batches (n, t, width)."""
    import torch

    size = max(1, TOKENS_AT_ONCE // max(len(start), 1))
    steps = torch.from_numpy(places).to(start.dtype)[:, None, None]
    return [start + steps[k : k + size] * (end - start) for k in range(0, len(steps), size)]


def _values(quantity: Callable[[Tensor], Tensor], start: Tensor, end: Tensor, places: Array) -> list[float]:
    import torch

    with torch.no_grad():
        return [float(value) for part in _inputs(start, end, places) for value in quantity(part)]


def _slopes(quantity: Callable[[Tensor], Tensor], start: Tensor, end: Tensor, places: Array) -> Array:
    """Σ_j (e_tj - e'_tj) ∂f/∂e_tj at each place, (nodes, t)."""
    import torch

    found: list[Any] = []
    with torch.enable_grad():
        for part in _inputs(start, end, places):
            leaf = part.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(quantity(leaf).sum(), leaf)
            found.append(((end - start).double() * gradient.double()).sum(dim=2))
    slopes: Array = torch.cat(found).numpy()
    return slopes


def summed_over(text: EmbeddedText, values: Array) -> list[TextShare]:
    """The attributions of tokens, summed over the words of the text.

    Args:
        text: the embedded text.
        values: (t,) of its tokens.

    Examples:
        >>> from headstart.sources.bodies.embedded_text import EmbeddedText
        >>> text = EmbeddedText("cards", ((0, 0), (0, 4), (4, 5)), np.ones((3, 1), np.float32), {}, 0, lambda x: [x])
        >>> summed_over(text, np.array([0.0, 1.0, 0.5]))
        [TextShare(text='cards', start=0, stop=5, value=1.5)]
    """
    tokens = [span for span, own in zip(text.spans, text.own, strict=True) if own]
    spans: list[Span] = word_spans(text.text, tokens)
    sums = np.zeros(len(spans))
    starts = np.array([start for start, _ in spans])
    for place in np.flatnonzero(text.own):
        # the last word that begins at or before the token's last sign: a token may begin with the space before a word
        owner = int(np.searchsorted(starts, text.spans[place][1] - 1, side="right")) - 1
        sums[max(owner, 0)] += values[place]
    return [TextShare(text.text[a:b], a, b, float(value)) for (a, b), value in zip(spans, sums, strict=True)]


INTEGRATED_GRADIENTS = IntegratedGradients()
