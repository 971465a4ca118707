"""Early end of a pilot, by the simultaneous interval of its epochs on the validation items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.intervals.simultaneous import simultaneous_differences

__all__ = ["Interim"]

LEVEL = 0.9  # two-sided, over all epochs so far: each bound is wrong in at most one training of twenty
FEWEST = 2  # epochs before the gain is called excluded: the first, at the highest rate, is often worse than the start

Losses = NDArray[np.float64]


class Interim:
    """Whether the validation losses of a pilot show or exclude a gain before its last epoch.

    This only saves time: the pilot is tested on other items, so that looking at every epoch costs no validity.

    Args:
        least: the smallest gain that counts.
        groups: (m,) groups of the validation items; None for none.

    Examples:
        >>> noise = np.random.default_rng(0).normal(scale=0.1, size=(4, 80))
        >>> gains, worse = Interim(0.001), Interim(0.001)
        >>> for epoch, one in enumerate(noise):
        ...     gains.note(0.7 + one - 0.1 * epoch)
        ...     worse.note(0.7 + one + 0.1 * epoch)
        >>> gains.decided, gains.why[:34], worse.decided, worse.why[:37]
        (True, 'a gain was shown after 1 of its ep', True, 'a gain was excluded after 2 of its ep')
    """

    def __init__(self, least: float, groups: NDArray[np.str_] | None = None) -> None:
        self._least, self._groups = least, groups
        self._losses: list[Losses] = []
        self.why = ""

    @property
    def decided(self) -> bool:
        """Whether no further epoch is needed."""
        return bool(self.why)

    def note(self, losses: Losses) -> None:
        """Take the losses (m,) of the validation items: first those of the start, then those after each epoch."""
        self._losses.append(losses)
        if self.decided or len(self._losses) < 2 or any(len(one) != len(losses) for one in self._losses):
            return
        start, *epochs = self._losses
        found = simultaneous_differences(start, epochs, groups=self._groups, level=LEVEL)
        count = len(epochs)
        if found.lows.max() > self._least:
            best = int(found.lows.argmax())
            self.why = f"a gain was shown after {count} of its epochs: at least {found.lows[best]:.4f}"
        # a loss that still falls may end below that of the start
        elif count >= FEWEST and found.highs.max() < self._least and found.values[-1] <= found.values[-2]:
            self.why = f"a gain was excluded after {count} of its epochs: at most {found.highs.max():.4f}"
