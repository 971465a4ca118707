"""Values with their intervals, formatted for printing."""

from __future__ import annotations

__all__ = ["bounds", "figure", "metric_name"]

NAMES = {"r2": "R²", "ap50": "AP50", "average_precision": "average precision"}

DIGITS, MOST_DIGITS = 3, 6


def bounds(low: float, high: float, *, sign: str = "") -> tuple[str, str] | None:
    """Both bounds, with enough decimals to tell them apart (three to six); None where there is no interval.

    Args:
        low: lower bound.
        high: upper bound.
        sign: ``"+"`` for differences.

    Examples:
        >>> bounds(0.5, 0.75), bounds(0.99996, 0.99998), bounds(float("nan"), 1.0), bounds(1.0, 1.0)
        (('0.500', '0.750'), ('0.99996', '0.99998'), None, None)
    """
    if not low < high:
        return None
    for digits in range(DIGITS, MOST_DIGITS + 1):
        found = f"{low:{sign}.{digits}f}", f"{high:{sign}.{digits}f}"
        if found[0] != found[1]:
            return found
    return f"{low:{sign}.{DIGITS}g}", f"{high:{sign}.{DIGITS}g}"


def figure(value: float, low: float, high: float, *, sign: str = "") -> str:
    """A value with its interval.

    Args:
        value: the measured value.
        low: lower bound; nan for none.
        high: upper bound.
        sign: ``"+"`` for differences.

    Examples:
        >>> figure(0.9, 0.8, 0.95), figure(0.1, -0.05, 0.2, sign="+"), figure(0.693, float("nan"), float("nan"))
        ('0.900 [0.800, 0.950]', '+0.100 [-0.050, +0.200]', '0.693 (no interval)')
    """
    found = bounds(low, high, sign=sign)
    return f"{value:{sign}.3f} " + ("(no interval)" if found is None else f"[{found[0]}, {found[1]}]")


def metric_name(metric: str) -> str:
    """A metric in words.

    Examples:
        >>> metric_name("r2"), metric_name("balanced_accuracy")
        ('R²', 'balanced accuracy')
    """
    return NAMES.get(metric, metric.replace("_", " "))
