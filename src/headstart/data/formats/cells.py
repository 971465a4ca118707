"""Type inference for columns of a text file: numbers in any notation, booleans or strings, from all cells."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.formats.number_lists import read_vectors
from headstart.data.naming.label_names import NO_NUMBER, WrittenNumber
from headstart.data.text.nearly_all import NEARLY_ALL
from headstart.reporting.wording import plural

__all__ = ["NumbersRead", "TypedColumn", "describe_numbers", "read_numbers", "type_column", "written_labels"]

PROBE = 256
MAX_EXACT = 2**53  # up to here float64 represents all integers
MAX_WIDTH = 64  # characters; longer cells are not numbers
NO_CELL = frozenset({"", "nan", "<na>", "#n/a", "null"})
TRUTH = {"true": True, "false": False}

SIGNS = "$€£¥₹₽₩₺₴₪฿₫₱"
MONEY = rf"(?:[{SIGNS}]|(?:CHF|EUR|USD|GBP|JPY|CNY|INR|Fr\.|kr\.?|zł|Kč|R\$))"
UNIT = re.compile(rf"(?:{MONEY}\s*)?([-+]?)\s*(?:{MONEY}\s*)?([\d.,'\s]+(?:[eE][-+]?\d+)?)\s*(%|‰|{MONEY})?")
UNIT_BEHIND = re.compile(rf"(%|‰|{MONEY})$")
UNIT_BEFORE = re.compile(rf"({MONEY})")
PLAIN = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
COMMA_GROUPS = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?|[-+]?[1-9]\d?(?:,\d{2})+,\d{3}(?:\.\d*)?")
DECIMAL_COMMA = re.compile(
    r"[-+]?(?:\d+|\d{1,3}(?:\.\d{3})+)?,\d+(?:[eE][-+]?\d+)?|[-+]?\d{1,3}(?:\.\d{3})+|[-+]?\d+(?:[eE][-+]?\d+)?"
)
EITHER = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")  # 1,234 may have a thousands separator or a decimal comma
LEADING_ZERO = re.compile(r"[-+]?0\d")
ZERO_AHEAD = re.compile(r"^[-+]?0\d", re.MULTILINE)
NOT_PLAIN = re.compile(r"[^0-9.\n+eE-]")
TWO_COMMAS = re.compile(r",[^\n]*,")
ONLY_DECIMAL = re.compile(r"^[-+]?(?:(?:0|\d{4,})?,\d+|\d+,(?:\d\d?|\d{4,}))$", re.MULTILINE)
FOREIGN = str.maketrans(
    {"\N{MINUS SIGN}": "-", "\N{EN DASH}": "-",
     "\N{ARABIC DECIMAL SEPARATOR}": ".", "\N{ARABIC THOUSANDS SEPARATOR}": "",
     "\N{RIGHT SINGLE QUOTATION MARK}": "'", "\N{FULLWIDTH COMMA}": ",", "\N{FULLWIDTH FULL STOP}": ".",
     "\N{FULLWIDTH PERCENT SIGN}": "%", "\N{ARABIC PERCENT SIGN}": "%", "\N{FULLWIDTH YEN SIGN}": "¥"}
)  # fmt: skip


@dataclass(frozen=True)
class NumbersRead:
    """Numbers parsed from strings.

    Attributes:
        values: (n,) float64; NaN for cells that are not numbers.
        is_number: (n,) whether a cell is a number.
        is_missing: (n,) whether a cell is empty or a word for a missing number.
        how: the special notation (decimal commas, units), for a note; empty for plain numbers.
        odd: the distinct cells that are neither numbers nor missing.

    Examples:
        >>> read_numbers(["3,5", "4,25", "n/a"]).how
        'decimal commas'
    """

    values: NDArray[np.float64]
    is_number: NDArray[np.bool_]
    is_missing: NDArray[np.bool_]
    how: str = ""
    odd: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """The share of numbers among the cells that are not missing."""
        known = len(self.values) - int(self.is_missing.sum())
        return float(self.is_number.sum()) / known if known else 0.0


def read_numbers(cells: Sequence[str], *, comma: str = "unknown") -> NumbersRead:
    """Parse numbers in the notation of most cells: decimal commas, thousands separators, percent, one currency.

    "1,234" alone is ambiguous: its comma separates thousands unless ``comma`` or another cell, such as "0,5" or "12,5",
    shows decimal commas.

    Args:
        cells: strings.
        comma: ``"decimal"`` if commas are known to be decimal commas, as in files separated by semicolons; else
            ``"unknown"``.

    Examples:
        >>> read_numbers(["1.234,5 €", "12,0 €"]).values.tolist(), read_numbers(["12 %", "(1,000)"]).values.tolist()
        ([1234.5, 12.0], [12.0, -1000.0])
        >>> read_numbers(["1 234", "5'678", "\N{MINUS SIGN}1"]).values.tolist()
        [1234.0, 5678.0, -1.0]
    """
    counts = Counter(cells)
    read = _read_distinct(counts, comma)
    if len(counts) == len(cells):
        return read
    place = {cell: row for row, cell in enumerate(counts)}
    rows = np.fromiter((place[cell] for cell in cells), np.intp, len(cells))
    return NumbersRead(read.values[rows], read.is_number[rows], read.is_missing[rows], read.how, read.odd)


def _read_distinct(counts: Counter[str], comma: str) -> NumbersRead:
    """Parse distinct cells, given how often each occurs."""
    plain = [len(cell) <= MAX_WIDTH and PLAIN.fullmatch(cell) is not None for cell in counts]
    missing = [not good and cell.strip().lower() in NO_NUMBER for cell, good in zip(counts, plain, strict=True)]
    bare, units = [], set[str]()
    for cell, good, gone in zip(counts, plain, missing, strict=True):
        digits, unit = (cell, "") if good else ("", "") if gone else _bare(cell)
        bare.append(digits)
        units.add(unit)
    units.discard("")
    is_comma = _has_decimal_comma(bare, counts.values(), comma)
    pattern = DECIMAL_COMMA if is_comma else COMMA_GROUPS
    found = [
        float(text) if good and not is_comma else _value(text, pattern, is_comma=is_comma)
        for text, good in zip(bare, plain, strict=True)
    ]
    if len(units) > 1:  # amounts in two currencies are not one quantity
        found = [None] * len(found)
    is_number = np.array([value is not None for value in found], bool)
    values = np.array([np.nan if value is None else value for value in found], np.float64)
    odd = tuple(cell for cell, good, gone in zip(counts, is_number, missing, strict=True) if not good and not gone)
    return NumbersRead(values, is_number, np.array(missing, bool), _how(bare, units, is_comma=is_comma), odd)


def _bare(cell: str) -> tuple[str, str]:
    """Digits, separators and exponent of a cell, without spaces or apostrophes between thousands; and its unit."""
    text = cell.strip()
    if len(text) > MAX_WIDTH:
        return "", ""
    if PLAIN.fullmatch(text):
        return text, ""
    text = text.translate(FOREIGN)
    if not text.isascii():
        text = "".join(str(int(sign)) if sign.isdecimal() else sign for sign in text)
    negative = text.startswith("(") and text.endswith(")")
    match = UNIT.fullmatch(text[1:-1].strip() if negative else text)
    if match is None:
        return "", ""
    digits = match[2].strip()
    if re.search(r"[\s']", digits):
        if not re.fullmatch(r"\d{1,3}(?:([\s'])\d{3})(?:\1\d{3})*(?:[.,]\d*)?", digits):
            return "", ""
        digits = re.sub(r"[\s']", "", digits)
    unit = match[3] or next((sign for sign in re.findall(MONEY, text)), "")
    return ("-" if negative else match[1]) + digits, unit


def _has_decimal_comma(bare: Sequence[str], counts: Iterable[int], comma: str) -> bool:
    """Whether commas are decimal commas: by the unambiguous cells, else by ``comma``."""
    with_comma = [(text, count) for text, count in zip(bare, counts, strict=True) if "," in text]
    clear = [(text, count) for text, count in with_comma if EITHER.fullmatch(text) is None]
    decimal = sum(count for text, count in clear if DECIMAL_COMMA.fullmatch(text))
    grouped = sum(count for text, count in clear if COMMA_GROUPS.fullmatch(text))
    # Each unambiguous cell is a vote.
    if decimal != grouped:
        return decimal > grouped
    if with_comma:
        return comma == "decimal"
    # Points between thousands imply decimal commas, even if no comma occurs.
    several = [text for text in bare if text.count(".") > 1]  # 1.234.567
    return bool(several) and all(DECIMAL_COMMA.fullmatch(text) for text in several)


def _value(text: str, pattern: re.Pattern[str], *, is_comma: bool) -> float | None:
    if not is_comma and PLAIN.fullmatch(text):
        return float(text)
    if not text or pattern.fullmatch(text) is None:
        return None
    return float(text.replace(".", "").replace(",", ".") if is_comma else text.replace(",", ""))


def _how(bare: Sequence[str], units: set[str], *, is_comma: bool) -> str:
    parts = []
    if any("," in text for text in bare):
        parts.append("decimal commas" if is_comma else "commas between thousands")
    elif is_comma:
        parts.append("points between thousands")
    parts += [f"'{unit}'" for unit in sorted(units)]
    return " and ".join(parts)


@dataclass(frozen=True)
class TypedColumn:
    """A column of a text file with its inferred type.

    Attributes:
        values: (n,) float64, int64, bool, or strings with None for empty cells.
        note: a clause on how it was read, for the user; empty if nothing was special.

    Examples:
        >>> type_column(["1", "2", ""]).values.tolist()
        [1.0, 2.0, nan]
    """

    values: NDArray[Any]
    note: str = ""


def type_column(cells: Sequence[str], *, comma: str = "unknown") -> TypedColumn:
    """Infer the type of a column of strings (numbers, booleans or names) from all its cells.

    A column is numeric if 90% of its non-empty cells are numbers in one notation; the other cells count as missing,
    which is reported. Numbers with leading zeros, and whole numbers too long for float64, are codes and stay strings.
    Only ``true`` and ``false``, in any case, are booleans.

    Args:
        cells: the strings of a column.
        comma: as for `read_numbers`.

    Examples:
        >>> type_column(["01", "1", "10"]).values.tolist(), type_column(["yes", "no"]).values.tolist()
        (['01', '1', '10'], ['yes', 'no'])
        >>> type_column([*map(str, range(20)), "12?"]).note
        "1 cell that is not a number counts as missing ('12?')"
    """
    fast = _fast_column(cells, comma)
    if fast is not None:
        return fast
    vectors = read_vectors(cells)
    if vectors is not None:
        return TypedColumn(*vectors)
    if not _may_be_numbers(cells):
        truth = _truth(cells)
        return TypedColumn(_names(cells) if truth is None else truth)
    found = read_numbers(cells, comma=comma)
    return TypedColumn(_names(cells)) if found.share < NEARLY_ALL else _codes_or_numbers(cells, found)


def _codes_or_numbers(cells: Sequence[str], found: NumbersRead) -> TypedColumn:
    zeros = sum(LEADING_ZERO.match(cell.strip()) is not None for cell in cells)
    if zeros > 1 or zeros * 100 > len(cells) - int(found.is_missing.sum()):
        return TypedColumn(_names(cells), f"names, because {plural(zeros, 'cell has', 'cells have')} a leading zero")
    if any(_too_long(cells[int(row)]) for row in np.flatnonzero(np.abs(found.values) > MAX_EXACT)):
        return TypedColumn(_names(cells), "names, because the whole numbers have too many digits")
    return TypedColumn(found.values, describe_numbers(found))


def written_labels(cells: Sequence[str], *, comma: str = "unknown") -> NDArray[np.object_] | None:
    """Labels of a column of numbers that keep their spelling, if the spelling may tell classes apart.

    It may if a number is written in two ways (1.1 and 1.10, as in versions), in scientific notation (1e5, perhaps a
    code), with a leading zero, or if some cells are not numbers.

    Args:
        cells: the strings of a column.
        comma: as for `read_numbers`.

    Returns:
        (n,) `headstart.data.naming.label_names.WrittenNumber`, strings, and None for empty cells;
        None if the numbers themselves tell the classes apart.

    Examples:
        >>> written_labels(["1.1", "1.10"]).tolist(), written_labels(["1.0", "2.0"])
        ([1.1, 1.1], None)
    """
    found = read_numbers(cells, comma=comma)
    writings = {_writing(cell) for cell, good in zip(cells, found.is_number, strict=True) if good}
    distinct = len(np.unique(found.values[found.is_number]))
    # 1e5 and 100000 are the same number, but different names.
    strange = any("e" in text.lower() or LEADING_ZERO.match(text) for text in writings)
    if len(writings) == distinct and not strange and (found.is_number | found.is_missing).all():
        return None
    labels = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        if found.is_number[row]:
            labels[row] = WrittenNumber(found.values[row], cell.strip())
        elif cell.strip().lower() not in NO_CELL:
            labels[row] = cell
    return labels


def _writing(cell: str) -> str:
    """How a number is written, without a plus sign and without a fraction of zeros only."""
    text = cell.strip().lstrip("+")
    head, point, tail = text.partition(".")
    return head if point and not tail.strip("0") else text


def _fast_column(cells: Sequence[str], comma: str) -> TypedColumn | None:
    """Fast path for columns of plain numbers, possibly with missing cells, decimal commas or one unit."""
    found = _fast_numbers(cells, comma)
    if found is not None:
        return found
    blanked = _blanked(cells)
    bare, unit = _without_unit(blanked)
    found = _fast_numbers(bare, comma) if unit or blanked is not cells else None
    if found is None or not unit:
        return found
    if found.values.dtype.kind == "i" and np.abs(found.values).max() > MAX_EXACT:
        return None
    note = f"{found.note} and '{unit}'" if found.note else f"read with '{unit}'"
    return TypedColumn(found.values.astype(np.float64), note)


def _blanked(cells: Sequence[str]) -> Sequence[str]:
    """The cells, with words for a missing number replaced by empty strings."""
    words = {cell for cell in set(cells) if cell and not cell[-1].isdecimal() and cell.strip().lower() in NO_NUMBER}
    return ["" if cell in words else cell for cell in cells] if words else cells


def _without_unit(cells: Sequence[str]) -> tuple[Sequence[str], str]:
    """The cells without the unit of the first cell; unchanged if it has none, or if a cell is only a unit."""
    first = next((cell.strip() for cell in cells if cell), "")
    behind, before = UNIT_BEHIND.search(first), UNIT_BEFORE.match(first)
    if behind is not None:
        unit, bare = behind[1], [cell.strip().removesuffix(behind[1]).strip() for cell in cells]
    elif before is not None:
        unit, bare = before[1], [cell.strip().removeprefix(before[1]).strip() for cell in cells]
    else:
        return cells, ""
    return (cells, "") if bare.count("") > cells.count("") else (bare, unit)


def _fast_numbers(cells: Sequence[str], comma: str) -> TypedColumn | None:
    joined = "\n".join(cells)
    if "," not in joined:
        plain = _plain_column(cells, joined)
        return None if plain is None else TypedColumn(plain)
    if "." in joined or TWO_COMMAS.search(joined):
        return None
    if comma != "decimal" and len(ONLY_DECIMAL.findall(joined)) * 2 <= joined.count(","):
        return None
    plain = _plain_column([cell.replace(",", ".") for cell in cells], joined.replace(",", "."))
    return None if plain is None else TypedColumn(plain, "read with decimal commas")


def _plain_column(cells: Sequence[str], joined: str) -> NDArray[Any] | None:
    # One search over all cells joined is many times faster than a search per cell.
    if NOT_PLAIN.search(joined) or ZERO_AHEAD.search(joined):
        return None
    is_whole = "." not in joined and "e" not in joined.lower()
    try:
        if is_whole and "" not in cells:
            whole = list(map(int, cells))
            return np.array(whole, np.int64) if max(map(abs, whole), default=0) < 2**63 else None
        known = list(map(float, filter(None, cells)))
    except ValueError:  # a sign or a point without digits
        return None
    values = np.full(len(cells), np.nan)
    values[np.fromiter(map(bool, cells), bool, len(cells))] = known
    # With an empty cell the column is float64, which is exact only up to 2^53.
    too_large = is_whole and bool((np.abs(values) > MAX_EXACT).any())
    return None if too_large or np.isnan(values).all() else values


def _too_long(cell: str) -> bool:
    return cell.strip().lstrip("+-").isdecimal()


def describe_numbers(found: NumbersRead) -> str:
    """A note on the notation and on cells that are not numbers; empty for plain numbers.

    Args:
        found: the result of `read_numbers`.

    Examples:
        >>> describe_numbers(read_numbers(["1,5", "2,25", "soon"]))
        "read with decimal commas; 1 cell that is not a number counts as missing ('soon')"
    """
    parts = [f"read with {found.how}"] if found.how else []
    count = int((~found.is_number & ~found.is_missing).sum())
    if count:
        shown = ", ".join(repr(cell[:40]) for cell in found.odd[:3]) + (", ..." if len(found.odd) > 3 else "")
        counts = "that is not a number counts as missing" if count == 1 else "that are not numbers count as missing"
        parts.append(f"{plural(count, 'cell')} {counts} ({shown})")
    return "; ".join(parts)


def _may_be_numbers(cells: Sequence[str]) -> bool:
    """Whether more than half of a spread sample of cells are short and have a digit: rules out most texts cheaply."""
    step = max(1, len(cells) // PROBE)
    probe = [text for text in (cell.strip() for cell in cells[::step]) if text.lower() not in NO_NUMBER]
    if not probe:  # the sample may have missed the few known cells
        probe = [text for text in (cell.strip() for cell in cells) if text.lower() not in NO_NUMBER][:PROBE]
    likely = sum(len(text) <= MAX_WIDTH and any(map(str.isdecimal, text)) for text in probe)
    return likely * 2 > len(probe)


def _truth(cells: Sequence[str]) -> NDArray[Any] | None:
    """The column as booleans; None if any non-empty cell is not one."""
    spellings = {cell: TRUTH.get(cell.strip().lower()) for cell in set(cells) if cell.strip().lower() not in NO_CELL}
    if not spellings or None in spellings.values():
        return None
    values = [spellings.get(cell) for cell in cells]
    return np.array(values, dtype=object if None in values else bool)


def _names(cells: Sequence[str]) -> NDArray[np.object_]:
    values = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        values[row] = None if len(cell) < 8 and cell.strip().lower() in NO_CELL else cell
    return values
