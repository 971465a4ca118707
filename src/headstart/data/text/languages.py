"""Language codes of model cards: the English names of the languages, and the scripts they are written in."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["MULTILINGUAL", "language_names", "language_scripts"]

MULTILINGUAL = "multilingual"
SHOWN = 6  # languages to name; above, only their number is given

_HAN, _JAPANESE, _KOREAN = ("Han", "Bopomofo"), ("Han", "Hiragana", "Katakana"), ("Hangul", "Han")
_LATIN, _CYRILLIC, _ARABIC, _DEVANAGARI = ("Latin",), ("Cyrillic",), ("Arabic",), ("Devanagari",)
_LANGUAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "af": ("Afrikaans", _LATIN), "ar": ("Arabic", _ARABIC), "az": ("Azerbaijani", _LATIN),
    "be": ("Belarusian", _CYRILLIC), "bg": ("Bulgarian", _CYRILLIC), "bn": ("Bengali", ("Bengali",)),
    "bs": ("Bosnian", _LATIN), "ca": ("Catalan", _LATIN), "cs": ("Czech", _LATIN), "da": ("Danish", _LATIN),
    "de": ("German", _LATIN), "el": ("Greek", ("Greek",)), "en": ("English", _LATIN), "es": ("Spanish", _LATIN),
    "et": ("Estonian", _LATIN), "eu": ("Basque", _LATIN), "fa": ("Persian", _ARABIC), "fi": ("Finnish", _LATIN),
    "fr": ("French", _LATIN), "ga": ("Irish", _LATIN), "gl": ("Galician", _LATIN), "gu": ("Gujarati", ("Gujarati",)),
    "he": ("Hebrew", ("Hebrew",)), "hi": ("Hindi", _DEVANAGARI), "hr": ("Croatian", _LATIN),
    "hu": ("Hungarian", _LATIN), "hy": ("Armenian", ("Armenian",)), "id": ("Indonesian", _LATIN),
    "is": ("Icelandic", _LATIN), "it": ("Italian", _LATIN), "ja": ("Japanese", _JAPANESE),
    "ka": ("Georgian", ("Georgian",)), "kk": ("Kazakh", _CYRILLIC), "km": ("Khmer", ("Khmer",)),
    "kn": ("Kannada", ("Kannada",)), "ko": ("Korean", _KOREAN), "lt": ("Lithuanian", _LATIN),
    "lv": ("Latvian", _LATIN), "mk": ("Macedonian", _CYRILLIC), "ml": ("Malayalam", ("Malayalam",)),
    "mn": ("Mongolian", ("Cyrillic", "Mongolian")), "mr": ("Marathi", _DEVANAGARI), "ms": ("Malay", _LATIN),
    "my": ("Burmese", ("Myanmar",)), "ne": ("Nepali", _DEVANAGARI), "nl": ("Dutch", _LATIN),
    "no": ("Norwegian", _LATIN), "pa": ("Punjabi", ("Gurmukhi",)), "pl": ("Polish", _LATIN),
    "pt": ("Portuguese", _LATIN), "ro": ("Romanian", _LATIN), "ru": ("Russian", _CYRILLIC), "sk": ("Slovak", _LATIN),
    "sl": ("Slovenian", _LATIN), "sq": ("Albanian", _LATIN), "sr": ("Serbian", ("Cyrillic", "Latin")),
    "sv": ("Swedish", _LATIN), "sw": ("Swahili", _LATIN), "ta": ("Tamil", ("Tamil",)), "te": ("Telugu", ("Telugu",)),
    "th": ("Thai", ("Thai",)), "tl": ("Tagalog", _LATIN), "tr": ("Turkish", _LATIN), "uk": ("Ukrainian", _CYRILLIC),
    "ur": ("Urdu", _ARABIC), "vi": ("Vietnamese", _LATIN), "zh": ("Chinese", _HAN),
    "am": ("Amharic", ("Ethiopic",)), "as": ("Assamese", ("Bengali",)), "br": ("Breton", _LATIN),
    "cy": ("Welsh", _LATIN), "eo": ("Esperanto", _LATIN), "fy": ("Western Frisian", _LATIN),
    "gd": ("Scottish Gaelic", _LATIN), "ha": ("Hausa", _LATIN), "jv": ("Javanese", _LATIN),
    "ku": ("Kurdish", ("Latin", "Arabic")), "ky": ("Kyrgyz", _CYRILLIC), "la": ("Latin", _LATIN),
    "lo": ("Lao", ("Lao",)),
    "mg": ("Malagasy", _LATIN), "om": ("Oromo", _LATIN), "or": ("Odia", ("Oriya",)), "ps": ("Pashto", _ARABIC),
    "sa": ("Sanskrit", _DEVANAGARI), "sd": ("Sindhi", _ARABIC), "si": ("Sinhala", ("Sinhala",)),
    "so": ("Somali", _LATIN), "su": ("Sundanese", _LATIN), "ug": ("Uyghur", _ARABIC), "uz": ("Uzbek", _LATIN),
    "xh": ("Xhosa", _LATIN), "yi": ("Yiddish", ("Hebrew",)),
}  # fmt: skip


def _code(language: str) -> str:
    return language.lower().replace("_", "-").partition("-")[0]


def language_names(languages: Sequence[str]) -> str:
    """Languages by their English names.

    Args:
        languages: codes as a model card states them, such as ``"en"`` or ``"zh-CN"``; unknown codes are kept.

    Examples:
        >>> language_names(["en"]), language_names(["de", "fr", "qxx"]), language_names([])
        ('English', 'German, French, qxx', 'not stated')
        >>> language_names(["multilingual", "en", "de"])
        'several languages (multilingual)'
    """
    if not languages:
        return "not stated"
    if MULTILINGUAL in languages:
        return "several languages (multilingual)"
    if len(languages) > SHOWN:
        return f"{len(languages)} languages"
    return ", ".join(_LANGUAGES.get(_code(one), (one, ()))[0] for one in languages)


def language_scripts(languages: Sequence[str]) -> frozenset[str] | None:
    """The scripts that languages are written in; None if a code is unknown, or if there is none.

    Args:
        languages: codes as a model card states them.

    Examples:
        >>> sorted(language_scripts(["en", "ja"])), language_scripts(["qxx"]), language_scripts([])
        (['Han', 'Hiragana', 'Katakana', 'Latin'], None, None)
    """
    found = [_LANGUAGES.get(_code(one)) for one in languages]
    if not found or any(one is None for one in found):
        return None
    return frozenset(script for one in found if one is not None for script in one[1])
