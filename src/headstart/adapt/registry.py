"""The registry of domain adapters, and their contract."""

from __future__ import annotations

from typing import Any, Protocol, Self, runtime_checkable

from numpy.typing import ArrayLike, NDArray

from headstart.linear.affine import AffineMap
from headstart.registry import Registry

__all__ = ["ADAPTERS", "DomainAdapter", "WeighsRows"]


@runtime_checkable
class DomainAdapter(Protocol):
    """A map fitted between two domains, so that a head for source rows serves target rows.

    A head is fitted on the source rows as ``transform_source`` gives them, and reads target rows as ``transform`` does.
    The map of target rows is affine, so that a linear head can take it in. Many adapters leave one side as it is. One
    that weighs source rows has ``weights`` (n,) besides.

    Attributes:
        target_map_: after fitting, what ``transform`` does to target rows.
    """

    target_map_: AffineMap

    def fit(self, xs: ArrayLike, xt: ArrayLike, ys: ArrayLike | None = None) -> Self:
        """Fit the map to source rows (n, d) and target rows (m, d); source labels (n,) where the adapter uses them."""
        ...

    def transform(self, x: ArrayLike) -> NDArray[Any]:
        """The mapped rows (n, k) of target rows (n, d), also new ones."""
        ...

    def transform_source(self, x: ArrayLike) -> NDArray[Any]:
        """The mapped rows (n, k) of source rows (n, d), also new ones."""
        ...


@runtime_checkable
class WeighsRows(Protocol):
    """An adapter that weighs source rows.

    Examples:
        >>> from headstart.adapt import ULSIF, Coral
        >>> xs, xt = [[0.0], [1.0], [2.0], [3.0]] * 5, [[1.0], [2.0], [3.0], [4.0]] * 5
        >>> [isinstance(adapter.fit(xs, xt), WeighsRows) for adapter in (ULSIF(), Coral())]
        [True, False]
    """

    weights: NDArray[Any]


ADAPTERS: Registry[type[DomainAdapter]] = Registry("adapter")
"""The adapters by name, as classes: ``ADAPTERS["coral"]()`` makes one with its defaults."""

ADAPTERS.register("standardisation", "headstart.adapt.standardisation:Standardisation")
ADAPTERS.register("coral", "headstart.adapt.coral:Coral")
ADAPTERS.register("linear_monge", "headstart.adapt.linear_monge:LinearMonge")
ADAPTERS.register("subspace_alignment", "headstart.adapt.subspace_alignment:SubspaceAlignment")
ADAPTERS.register("optimal_transport", "headstart.adapt.optimal_transport:OptimalTransport")
ADAPTERS.register("ulsif", "headstart.adapt.ulsif:ULSIF")
ADAPTERS.register("kernel_mean_matching", "headstart.adapt.kernel_mean_matching:KernelMeanMatching")
ADAPTERS.register("classifier_ratio", "headstart.adapt.classifier_ratio:ClassifierRatio")
