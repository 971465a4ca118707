"""Sufficient statistics: moments of rows that can be added, subtracted and streamed.

Raw sums such as Σwxxᵀ lose the digits of the variance if a column has a large mean (a year, a timestamp): with mean 1e6
and standard deviation 1, nothing below 1e-4 survives. So the centred moments are stored,

    S = Σ w (x-μ)(x-μ)ᵀ,   Q = Σ w (x-μ)(y-ȳ)ᵀ,   T = Σ w (y-ȳ)(y-ȳ)ᵀ,

and two sets are merged by Chan's update, S = S₁ + S₂ + (w₁w₂/w) δδᵀ with δ = μ₂-μ₁; removal solves the same equation
for S₁. Each mean is stored as an unevaluated sum of two floats (value and tail). So δ is accurate relative to the
*spread* of the data, not only to its mean, and addition and subtraction are associative up to rounding.

References: Chan, Golub & LeVeque, "Algorithms for Computing the Sample Variance", The American Statistician 1983;
Dekker, "A floating-point technique for extending the available precision", Numerische Mathematik 1971.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import ParameterError
from headstart.linear.running import RunningMoments, symmetric, two_sum

__all__ = ["Batch", "Moments"]

Array = NDArray[np.float64]
Batch = tuple[Any, Any] | tuple[Any, Any, Any]
"""Rows (n, d) and targets (n, k), optionally with weights (n,)."""

# After a subtraction, a remaining share of the weight below this is rounding.
NOTHING_LEFT = 1e-13
# How far below zero rounding may push a sum of squares when rows are removed, relative to its previous value.
BELOW_ZERO = 1e-9


@dataclass(frozen=True, eq=False)
class Moments:
    """Sufficient statistics of n weighted rows x (d,) and targets y (k,) for every linear method.

    Raw sums are available as properties: ``wx``, ``wxx``, ``wxy``, ``wy``, ``wyy``.

    Attributes:
        n: number of rows.
        w: Σw.
        mean: (d,) weighted mean of x, rounded to float64.
        mean_tail: (d,) the rounding error of ``mean``.
        scatter: (d, d) Σw(x-μ)(x-μ)ᵀ.
        cross: (d, k) Σw(x-μ)(y-ȳ)ᵀ.
        target_mean: (k,) weighted mean of y, rounded to float64.
        target_mean_tail: (k,) the rounding error of ``target_mean``.
        target_scatter: (k, k) Σw(y-ȳ)(y-ȳ)ᵀ.

    Examples:
        >>> x, y = np.array([[0.0], [2.0], [4.0]]), np.array([[1.0], [1.0], [4.0]])
        >>> both = Moments.from_rows(x[:1], y[:1]) + Moments.from_rows(x[1:], y[1:])
        >>> both.n, both.mean, both.scatter
        (3, array([2.]), array([[8.]]))
        >>> (both - Moments.from_rows(x[1:], y[1:])).mean
        array([0.])
    """

    n: int
    w: float
    mean: Array
    mean_tail: Array
    scatter: Array
    cross: Array
    target_mean: Array
    target_mean_tail: Array
    target_scatter: Array

    @classmethod
    def zeros(cls, num_features: int, num_targets: int) -> Self:
        """The moments of no rows.

        Args:
            num_features: d.
            num_targets: k.

        Examples:
            >>> Moments.zeros(3, 2).scatter.shape
            (3, 3)
        """
        d, k = num_features, num_targets
        means = np.zeros(d), np.zeros(d), np.zeros((d, d)), np.zeros((d, k))
        return cls(0, 0.0, *means, np.zeros(k), np.zeros(k), np.zeros((k, k)))

    @classmethod
    def from_rows(cls, x: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """The moments of rows in one array; a memory map is read in chunks.

        Args:
            x: (n, d) rows of any real type.
            y: (n, k) targets.
            sample_weight: (n,) weights of 0 or more; default: ones.

        Raises:
            ParameterError: if shapes or weights are wrong.
            DataError: if a value is not finite.

        Examples:
            >>> Moments.from_rows(np.eye(2, dtype=np.float32), np.ones((2, 1)), [1.0, 3.0]).wx
            array([1., 3.])
        """
        return cls.stream([(x, y, sample_weight)])

    @classmethod
    def stream(cls, batches: Iterable[Batch]) -> Self:
        """The moments of batches of rows; memory does not grow with the number of batches.

        Args:
            batches: tuples ``(x, y)`` or ``(x, y, sample_weight)`` as in `from_rows`, all of the same d and k.

        Raises:
            ParameterError: if there is no batch, or shapes or weights are wrong.
            DataError: if a value is not finite.

        Examples:
            >>> Moments.stream((np.full((2, 1), i), np.ones((2, 1))) for i in range(3)).mean
            array([1.])
        """
        total = RunningMoments()
        for x, y, *weight in batches:
            total.add(x, y, weight[0] if weight else None)
        return cls(**total.fields())

    @property
    def num_features(self) -> int:
        """Columns d of x."""
        return len(self.mean)

    @property
    def num_targets(self) -> int:
        """Columns k of y."""
        return len(self.target_mean)

    @property
    def wx(self) -> Array:
        """Raw sum Σwx (d,)."""
        return self.w * self.mean + self.w * self.mean_tail

    @property
    def wy(self) -> Array:
        """Raw sum Σwy (k,)."""
        return self.w * self.target_mean + self.w * self.target_mean_tail

    @property
    def wxx(self) -> Array:
        """Raw sum Σwxxᵀ (d, d); unlike ``scatter``, it loses digits if means are large."""
        return self.scatter + np.outer(self.wx, self.mean)

    @property
    def wxy(self) -> Array:
        """Raw sum Σwxyᵀ (d, k)."""
        return self.cross + np.outer(self.wx, self.target_mean)

    @property
    def wyy(self) -> Array:
        """Raw sum Σwyyᵀ (k, k)."""
        return self.target_scatter + np.outer(self.wy, self.target_mean)

    def __add__(self, other: Moments) -> Moments:
        """The moments of the rows of both."""
        self._check_same_columns(other, "added")
        if not self.w or not other.w:
            return _with_count(other if not self.w else self, self.n + other.n)
        dx, dy = _shift(self, other)
        return self._combine(other, 1, self.w + other.w, dx, dy)

    def __sub__(self, other: Moments) -> Moments:
        """The moments of the rows of ``self`` without those of ``other``, which must be among them.

        The result has the absolute rounding error of ``self``, so few remaining rows of many are less accurate.
        """
        self._check_same_columns(other, "subtracted")
        n, w = self.n - other.n, self.w - other.w
        if n < 0 or w < -NOTHING_LEFT * self.w:
            raise ParameterError(
                f"Moments of {other.n} rows of weight {other.w:g} cannot be subtracted from those of {self.n} rows of "
                f"weight {self.w:g}; remove only rows that were added."
            )
        if n == 0 or w <= NOTHING_LEFT * self.w:
            return _with_count(Moments.zeros(self.num_features, self.num_targets), n)
        if not other.w:
            return _with_count(self, n)
        dx, dy = _shift(self, other)
        rest = self._combine(other, -1, w, dx, dy)
        _check_removed(self, rest)
        return rest

    def _combine(self, other: Moments, sign: int, w: float, dx: Array, dy: Array) -> Moments:
        # sign=1: Chan's merge; sign=-1: the same equation solved for the remaining rows, with δ = μ_other - μ_all
        step = sign * other.w / w
        factor = self.w * step
        mean, mean_tail = two_sum(self.mean, self.mean_tail + step * dx)
        target_mean, target_mean_tail = two_sum(self.target_mean, self.target_mean_tail + step * dy)
        return Moments(
            self.n + sign * other.n,
            w,
            mean,
            mean_tail,
            self.scatter + sign * other.scatter + np.outer(factor * dx, dx),
            self.cross + sign * other.cross + np.outer(factor * dx, dy),
            target_mean,
            target_mean_tail,
            self.target_scatter + sign * other.target_scatter + np.outer(factor * dy, dy),
        )

    def _check_same_columns(self, other: Moments, verb: str) -> None:
        mine, theirs = (self.num_features, self.num_targets), (other.num_features, other.num_targets)
        if mine != theirs:
            raise ParameterError(
                f"Moments of {theirs[0]} features and {theirs[1]} targets cannot be {verb} where there are {mine[0]} "
                f"and {mine[1]}; with_targets adds columns for new targets."
            )

    def with_targets(self, num_targets: int) -> Moments:
        """The same rows with target columns of zeros appended, for new classes (class-incremental learning).

        Args:
            num_targets: the new number of columns, at least the present one.

        Raises:
            ParameterError: if there are more columns already.

        Examples:
            >>> Moments.from_rows(np.eye(2), np.ones((2, 1))).with_targets(3).wy
            array([2., 0., 0.])
        """
        new = num_targets - self.num_targets
        if new < 0:
            raise ParameterError(
                f"with_targets cannot reduce {self.num_targets} target columns to {num_targets}; it only adds columns."
            )
        return Moments(
            self.n,
            self.w,
            self.mean,
            self.mean_tail,
            self.scatter,
            np.pad(self.cross, ((0, 0), (0, new))),
            np.pad(self.target_mean, (0, new)),
            np.pad(self.target_mean_tail, (0, new)),
            np.pad(self.target_scatter, ((0, new), (0, new))),
        )

    def weighted(self, factor: float) -> Moments:
        """The moments of the same rows with all weights multiplied by ``factor``, 0 or more.

        Examples:
            >>> Moments.from_rows(np.eye(2), np.ones((2, 1))).weighted(3.0).w
            6.0
        """
        sums = ("w", "scatter", "cross", "target_scatter")
        return Moments(**(vars(self) | {name: factor * getattr(self, name) for name in sums}))

    def rescaled(self, shift: Array, scale: Array) -> Moments:
        """The moments of the rows (x - shift) / scale, for example of standardised rows.

        Args:
            shift: (d,) subtracted from each row.
            scale: (d,) divisors applied afterwards, all different from zero.

        Examples:
            >>> moments = Moments.from_rows(np.array([[1.0], [5.0]]), np.ones((2, 1)))
            >>> standardised = moments.rescaled(np.array([3.0]), np.array([2.0]))
            >>> standardised.mean, standardised.scatter
            (array([0.]), array([[2.]]))
        """
        # centred moments do not depend on the shift; the scatter is scaled on both sides
        mean, mean_tail = two_sum((self.mean - shift) / scale, self.mean_tail / scale)
        changed = {
            "mean": mean,
            "mean_tail": mean_tail,
            "scatter": self.scatter / scale / scale[:, None],
            "cross": self.cross / scale[:, None],
        }
        return Moments(**(vars(self) | changed))

    def to_arrays(self) -> dict[str, Array]:
        """Named float64 arrays for `from_arrays`; of ``scatter`` the upper triangle, row by row.

        Examples:
            >>> sorted(Moments.zeros(2, 1).to_arrays())[:3]
            ['cross', 'mean', 'mean_tail']
        """
        fields = vars(self) | {"scatter": self.scatter[_upper(self.num_features)]}
        return {name: np.array(value, np.float64, ndmin=1, copy=name != "scatter") for name, value in fields.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild the moments from the arrays of `to_arrays`.

        Args:
            arrays: the arrays by name.

        Raises:
            ParameterError: if one is missing or their shapes do not match.

        Examples:
            >>> Moments.from_arrays(Moments.from_rows(np.eye(2), np.ones((2, 1))).to_arrays()).n
            2
        """
        names = cls.__dataclass_fields__
        missing = sorted(names.keys() - arrays.keys())
        if missing:
            raise ParameterError(f"Saved moments lack {', '.join(missing)}; fit again to make new ones.")
        found = {name: np.asarray(arrays[name], dtype=np.float64) for name in names}
        d, k = found["mean"].size, found["target_mean"].size
        shapes: dict[str, tuple[int, ...]] = {
            "n": (1,),
            "w": (1,),
            "mean": (d,),
            "mean_tail": (d,),
            "scatter": (d * (d + 1) // 2,),
        }
        shapes |= {"cross": (d, k), "target_mean": (k,), "target_mean_tail": (k,), "target_scatter": (k, k)}
        for name, shape in shapes.items():
            if found[name].shape != shape:
                raise ParameterError(f"Saved moments need '{name}' of shape {shape}. Got {found[name].shape} instead.")
        # saved as the d(d+1)/2 numbers of the upper triangle
        scatter = np.zeros((d, d))
        scatter[_upper(d)] = found["scatter"]
        found["scatter"] = symmetric(scatter)
        values: dict[str, Any] = found | {"n": int(found["n"][0]), "w": float(found["w"][0])}
        return cls(**values)


def _shift(left: Moments, right: Moments) -> tuple[Array, Array]:
    # δ from values and tails separately: large means cancel before the small tails are added
    dx = (right.mean - left.mean) + (right.mean_tail - left.mean_tail)
    dy = (right.target_mean - left.target_mean) + (right.target_mean_tail - left.target_mean_tail)
    return dx, dy


def _with_count(moments: Moments, n: int) -> Moments:
    return Moments(**(vars(moments) | {"n": n}))


def _check_removed(full: Moments, rest: Moments) -> None:
    """Raise if a sum of squares became negative, which no removal of rows that were added can cause."""
    for before, after in ((full.scatter, rest.scatter), (full.target_scatter, rest.target_scatter)):
        if (after.diagonal() < -BELOW_ZERO * before.diagonal()).any():
            raise ParameterError(
                "The moments to subtract include rows that were never added (a sum of squares would become negative); "
                "remove only rows that were added, with the same targets and weights."
            )


def _upper(d: int) -> NDArray[np.bool_]:
    return np.tri(d, dtype=bool).T
