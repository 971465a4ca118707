"""What is said of texts that a source does not know, or does not read to their end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from headstart.data.auditing.findings import Finding
from headstart.data.auditing.token_counts import TextFacts
from headstart.data.text.languages import language_names, language_scripts
from headstart.data.text.scripts import UNSPACED

__all__ = ["SEEN", "check_texts", "how_foreign", "percent", "script_words", "unread"]

# English texts have none; those of a language that the vocabulary lacks, 9 (Japanese) to 100 percent (Thai).
MANY_UNKNOWN = 0.05
# Pieces a word of an English vocabulary: 1.03 to 1.19 in English (questions, captions, tweets), 1.5 in French, 2.0 in
# German, 4 and more where a word is read letter by letter.
PIECES, PIECES_OF_MANY = 1.4, 2.5
# A vocabulary of many languages has 0.6 tokens a letter of Chinese, one of single characters 1.0, one of bytes 2 to 3.
TOKENS_PER_LETTER = 1.2
PRESENT = 0.1  # share of letters from which on a script counts as one that the texts are written in
SEEN = 0.01
MOST_LETTERS = 0.5
ALTERED = 0.02
TRUNCATED = 0.05

ADVICE = (
    "take a source that knows their language with --source (hf:intfloat/multilingual-e5-small is fetched from its hub "
    "once, local:PATH is a checkpoint on disk)"
)


def percent(share: float) -> str:
    """A share in percent, never rounded to none or to all.

    Examples:
        >>> percent(0.6666), percent(0.0004), percent(0.9999), percent(1.0)
        ('67%', 'less than 1%', 'more than 99%', '100%')
    """
    if 0 < share < 0.005:
        return "less than 1%"
    return "more than 99%" if 0.995 <= share < 1 else f"{share:.0%}"


def script_words(scripts: Mapping[str, float]) -> str:
    """The scripts that have a hundredth of the letters or more.

    Examples:
        >>> script_words({"Han": 0.97, "Latin": 0.03})
        'Han 97%, Latin 3%'
    """
    return ", ".join(f"{name} {percent(share)}" for name, share in scripts.items() if share >= SEEN)


def unread(facts: TextFacts, *, pieces: bool = True) -> list[str]:
    """Why a source cannot be expected to know these texts, as clauses; empty where it can.

    Args:
        facts: what was measured.
        pieces: whether words in many pieces are a reason too; else unknown tokens and foreign scripts alone.

    Examples:
        >>> unread(TextFacts(9, {"Han": 1.0}, source="headstart:text", languages=("en",), unknown=0.67))
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
    """The scripts that none of the stated languages is written in, with their shares of the letters."""
    known = language_scripts(facts.languages)
    return {} if known is None else {name: share for name, share in facts.scripts.items() if name not in known}


def _foreign(facts: TextFacts) -> float:
    """How much of the texts is foreign to a source: by what it states, and by the letters that it does not know."""
    unknown = sum(share * facts.unknown_letters.get(name, 0.0) for name, share in facts.scripts.items())
    return max(sum(_foreign_scripts(facts).values()), unknown, (facts.unknown or 0.0) - facts.unknown_signs)


def _unspaced(facts: TextFacts) -> float:
    return sum(share for name, share in facts.scripts.items() if name in UNSPACED)


def how_foreign(facts: TextFacts, reasons: Sequence[str]) -> str:
    """How little a source knows, as the words before "these texts".

    Args:
        facts: what was measured.
        reasons: what `unread` gave, at least one.

    Examples:
        >>> han = TextFacts(9, {"Han": 1.0}, source="headstart:text", languages=("en",))
        >>> how_foreign(han, unread(han))
        'hardly knows'
    """
    if len(reasons) == 1 and reasons[0].startswith("it breaks"):
        return "knows little of the language or the terms of"
    return "hardly knows" if _foreign(facts) >= MOST_LETTERS else "does not know a part of"


def check_texts(facts: TextFacts) -> Iterator[Finding]:
    """Findings on texts and the source that is to read them.

    Args:
        facts: what was measured.

    Examples:
        >>> facts = TextFacts(9, {"Han": 1.0}, source="headstart:text", languages=("en",), unknown=0.67)
        >>> [found.message for found in check_texts(facts)][0][:82]
        'headstart:text, a source for English, hardly knows these texts: 67% of the tokens '
    """
    where = f" in the column '{facts.column}'" if facts.column else ""
    if reasons := unread(facts):
        stated = f", a source for {language_names(facts.languages)}," if facts.languages else ""
        joined = ", and ".join([", ".join(reasons[:-1]), reasons[-1]] if len(reasons) > 1 else reasons)
        little = f"{facts.source}{stated} {how_foreign(facts, reasons)} these texts{where}"
        message = f"{little}: {joined}. For such texts {ADVICE}."
        share = facts.hardly_read or 0.0
        yield Finding("unknown_language", "warning", round(share * facts.texts) or facts.texts, message)
    if facts.unknown_signs >= SEEN:
        message = (
            f"{percent(facts.unknown_signs)} of the tokens{where} are signs that {facts.source} does not know, such as "
            f"'{facts.sign}'; what they say is lost to it."
        )
        yield Finding("unknown_signs", "info", round(facts.unknown_signs * facts.texts) or 1, message)
    if facts.altered is not None and facts.altered >= ALTERED and facts.example is not None:
        written, read = facts.example
        written = written.lower() if read == read.lower() else written
        units = "letters" if _unspaced(facts) > MOST_LETTERS else "words"
        message = (
            f"{facts.source} takes accents and other marks away: {percent(facts.altered)} of the {units}{where} are "
            f"read without theirs, such as '{written}' as '{read}'."
        )
        yield Finding("marks_taken_away", "info", round(facts.altered * facts.texts), message)
    if facts.truncated:
        message = (
            f"{percent(facts.truncated)} of the texts{where} are longer than the {facts.max_length} tokens that "
            f"{facts.source} reads; the median of these loses {facts.median_lost:,} tokens at its end. If what matters "
            "stands there, split the texts or put it first."
        )
        count = round(facts.truncated * facts.texts) or 1
        yield Finding("truncated", "warning" if facts.truncated >= TRUNCATED else "info", count, message)
