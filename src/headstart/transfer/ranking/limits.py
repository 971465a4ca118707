"""Limits on candidate sources: size and licence, both known without loading the weights."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headstart.errors import ParameterError
from headstart.params import check_choice, check_number
from headstart.types import SourceInfo

__all__ = ["ANY", "Limits", "is_permissive", "parse_count"]

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9}
PERMISSIVE = re.compile(r"(apache|mit|bsd|cc0|cc[- ]by|isc|(the )?unlicense)(?![a-z])", re.IGNORECASE)
RESTRICTED = re.compile(
    r"gpl|cc[- ]by[- ](nc|nd|sa)|non[- ]?commercial|research[- ]only|clause[- ]clear", re.IGNORECASE
)


@dataclass(frozen=True)
class Limits:
    """Limits that a source has to meet to be ranked.

    Attributes:
        max_params: maximum number of parameters of a body; None for no limit.
        license: ``"any"``, or ``"permissive"`` for Apache, MIT, BSD, CC0, CC-BY, ISC and Unlicense.

    Raises:
        ParameterError: for other values.

    Examples:
        >>> info = SourceInfo("hf:a/b", "image", parameters=86_000_000, license="cc-by-nc-4.0")
        >>> Limits(max_params=10_000_000).refuses(info)
        'it has 86.0 M parameters, more than 10.0 M'
        >>> Limits(license="permissive").refuses(info)
        "its licence 'cc-by-nc-4.0' is not a permissive one"
    """

    max_params: int | None = None
    license: str = "any"

    def __post_init__(self) -> None:
        check_choice(self.license, "license", "rank", ("any", "permissive"))
        if self.max_params is not None:
            check_number(self.max_params, "max_params", "rank", low=1, integer=True)

    def refuses(self, info: SourceInfo) -> str | None:
        """Why a source is excluded; None if it is not, or if its size is only known after opening it."""
        if self.license == "permissive" and not info.license:
            return "its publisher states no licence"
        if self.license == "permissive" and not is_permissive(info.license or ""):
            return f"its licence '{info.license}' is not a permissive one"
        if self.max_params is not None and (info.parameters or 0) > self.max_params:
            size = (info.parameters or 0) / 1e6
            return f"it has {size:.1f} M parameters, more than {self.max_params / 1e6:.1f} M"
        return None


ANY = Limits()
"""No limits."""


def is_permissive(licence: str) -> bool:
    """Whether a licence's name is that of a permissive one; a name that adds a restriction is not.

    Args:
        licence: an SPDX identifier or the name that a publisher gives.

    Examples:
        >>> [is_permissive(name) for name in ("Apache-2.0", "bsd-3-clause", "cc-by-nc-4.0", "mit and gpl-3.0", "mitra")]
        [True, True, False, False, False]
    """
    return PERMISSIVE.match(licence.strip()) is not None and RESTRICTED.search(licence) is None


def parse_count(text: str) -> int:
    """Parse a number such as ``"10M"``, ``"1.5B"`` or ``"300000"``.

    Args:
        text: digits with an optional unit: K (10³), M (10⁶), G or B (10⁹).

    Raises:
        ParameterError: if the text is not such a number, or 0.

    Examples:
        >>> parse_count("10M"), parse_count("1.5B")
        (10000000, 1500000000)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGB]?)\s*", text.upper(), flags=re.ASCII)
    if match is None or float(match.group(1)) == 0:
        raise ParameterError(f"A number of parameters must look like '10M', '1.5B' or '300000'. Got {text!r} instead.")
    return int(float(match.group(1)) * UNITS[match.group(2)])
