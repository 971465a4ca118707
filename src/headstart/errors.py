"""Every error that Headstart raises on purpose, in one file.

The tree, with the exit code that the command line gives for each::

    HeadstartError                1   something failed
      + TrainingError             1   a training taught nothing
      + SaveError                 1   a result could not be written
      + DigestError               1   a file is not the one it claims to be
      + ModelFolderError          1   a run folder is damaged or incomplete
          - NoModelError          2   a folder that is no model at all
      + UsageError                2   the call or the input has to change
          - DataError             2   labelled items that cannot be used
          - ItemError             2   one item that cannot be read
          - SourceError           2   a source that cannot serve this job
          - ParameterError        2   a parameter outside of its range
          - UnknownNameError      2   a name that no registry knows
          - MissingExtraError     2   an optional dependency is not installed

A message is one sentence that says what is wrong, where, what is allowed, what was found and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "DataError",
    "DigestError",
    "HeadstartError",
    "ItemError",
    "MissingExtraError",
    "ModelFolderError",
    "NoModelError",
    "ParameterError",
    "SaveError",
    "SourceError",
    "TrainingError",
    "UnknownNameError",
    "UsageError",
]

MAX_KNOWN = 12


class HeadstartError(Exception):
    """Base of all errors that Headstart raises on purpose.

    Attributes:
        exit_code: what the command line exits with, 1.

    Examples:
        >>> HeadstartError("the disk is full").exit_code
        1
    """

    exit_code = 1


class TrainingError(HeadstartError):
    """A training that gave nothing worth keeping.

    Examples:
        >>> TrainingError("no epoch got below the start").exit_code
        1
    """


class SaveError(HeadstartError):
    """A result could not be written; what stood there before is untouched.

    Examples:
        >>> str(SaveError("cannot write 'run': no space left on device"))
        "cannot write 'run': no space left on device"
    """


class DigestError(HeadstartError):
    """A file's sha256 digest is not the one that was promised for it.

    Examples:
        >>> from pathlib import Path
        >>> from headstart.io import check_digest
        >>> check_digest(Path(__file__), "0" * 64)
        Traceback (most recent call last):
        headstart.errors.DigestError: '...errors.py' has the sha256 digest ..., but 0000000000000000... was p...
    """


class ModelFolderError(HeadstartError):
    """A run folder lacks a file, or holds one that cannot be read.

    Examples:
        >>> ModelFolderError("'run' has no config.json").exit_code
        1
    """


class UsageError(HeadstartError):
    """The call or its input has to change.

    Attributes:
        exit_code: what the command line exits with, 2.

    Examples:
        >>> UsageError("give a folder").exit_code
        2
    """

    exit_code = 2


class NoModelError(UsageError, ModelFolderError):
    """A folder that is no model, or not one of the kind that is wanted: another has to be named.

    Examples:
        >>> NoModelError("'photos' is not a model folder").exit_code
        2
    """


class DataError(UsageError, ValueError):
    """Labelled items that cannot be used as they are.

    Examples:
        >>> from headstart.data import read
        >>> read((["a picture"], ["cat", "dog"]))
        Traceback (most recent call last):
        headstart.errors.DataError: Got 1 item, but 2 labels; give one label for each item.
    """


class ItemError(DataError):
    """One item (a file, a text, a row) that cannot be read.

    Examples:
        >>> from headstart.data import read_image
        >>> read_image(b"no picture")
        Traceback (most recent call last):
        headstart.errors.ItemError: Cannot read the bytes given as a picture: its content is of no known image f...
    """


class SourceError(UsageError, ValueError):
    """A source that cannot be opened, or not for this kind of item.

    Examples:
        >>> SourceError("an image source cannot read texts").exit_code
        2
    """


class ParameterError(UsageError, ValueError):
    """A parameter outside of its allowed values.

    Examples:
        >>> from headstart.params import check_number
        >>> check_number(1, "n_folds", "folds", low=2)
        Traceback (most recent call last):
        headstart.errors.ParameterError: The 'n_folds' parameter of folds must be ... Got 1 instead.
    """


class UnknownNameError(UsageError, KeyError):
    """A name that no registry knows; the message suggests the nearest ones.

    Args:
        kind: what the name stands for, such as ``"source"``.
        name: the name that was asked for.
        known: the names that exist.

    Examples:
        >>> print(UnknownNameError("head", "rigde", ["ridge", "lda"]))
        Unknown head 'rigde'. Did you mean 'ridge'? Known: lda, ridge.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        known_some = ", ".join(names[:MAX_KNOWN]) + (", ..." if len(names) > MAX_KNOWN else "")
        self.message = f"Unknown {kind} '{name}'.{hint} Known: {known_some}."
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


class MissingExtraError(UsageError, ImportError):
    """An optional dependency is not installed; the message has the pip line.

    Args:
        what: what was asked for, as the subject of the sentence.
        extra: the extra of the ``headstart`` package that brings it.

    Examples:
        >>> print(MissingExtraError("The source 'headstart:text'", "text"))
        The source 'headstart:text' needs an extra that is not installed: pip install 'headstart[text]'.
    """

    def __init__(self, what: str, extra: str) -> None:
        self.message = f"{what} needs an extra that is not installed: pip install 'headstart[{extra}]'."
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message
