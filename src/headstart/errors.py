"""Every error that Headstart raises on purpose, in one file.

The tree, with the exit code that the command line gives for each::

    HeadstartError                1   something failed
      + TrainingError             1   training gave nothing worth keeping
      + SaveError                 1   a result could not be written
      + ParityError               1   an exported model answers otherwise than the model
      + DigestError               1   a file does not have the expected digest
      + ModelFolderError          1   a run folder is damaged or incomplete
          - NoModelError          2   a folder that is not a model
      + UsageError                2   the call or the input has to change
          - DataError             2   labelled items that cannot be used
          - ItemError             2   one item that cannot be read
          - SourceError           2   a source that cannot serve this job
          - ParameterError        2   a parameter outside its allowed values
          - UnknownNameError      2   a name that is not registered
          - MissingExtraError     2   an optional dependency is not installed

A message is one sentence: what is wrong, where, what is allowed, what was found and what to do.
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
    "ParityError",
    "SaveError",
    "SourceError",
    "TrainingError",
    "UnknownNameError",
    "UsageError",
]

MAX_KNOWN = 12  # names that a message lists


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
    """Training gave nothing worth keeping.

    Examples:
        >>> TrainingError("no epoch got below the start").exit_code
        1
    """


class SaveError(HeadstartError):
    """A result could not be written; an earlier result in its place is untouched.

    Examples:
        >>> str(SaveError("cannot write 'run': no space left on device"))
        "cannot write 'run': no space left on device"
    """


class ParityError(HeadstartError):
    """An exported model does not answer as the model does, or does not run; nothing was written.

    Examples:
        >>> ParityError("3 of 500 labels differ").exit_code
        1
    """


class DigestError(HeadstartError):
    """A file's sha256 digest differs from the expected one.

    Examples:
        >>> from pathlib import Path
        >>> from headstart.io import check_digest
        >>> check_digest(Path(__file__), "0" * 64)
        Traceback (most recent call last):
        headstart.errors.DigestError: '...errors.py' has the sha256 digest ..., but 0000000000000000... was e...
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
    """A folder is not a model, or not a model of the required kind; another one has to be named.

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
        headstart.errors.ItemError: Cannot read the bytes given as a picture: its content is text, not a known...
    """


class SourceError(UsageError, ValueError):
    """A source that cannot be opened, or does not serve this kind of item.

    Examples:
        >>> SourceError("an image source cannot read texts").exit_code
        2
    """


class ParameterError(UsageError, ValueError):
    """A parameter outside its allowed values.

    Examples:
        >>> from headstart.params import check_number
        >>> check_number(1, "n_folds", "folds", low=2)
        Traceback (most recent call last):
        headstart.errors.ParameterError: The 'n_folds' parameter of folds must be ... Got 1 instead.
    """


class UnknownNameError(UsageError, KeyError):
    """A name that is not registered; the message suggests the nearest known one.

    Args:
        kind: what the name stands for, such as ``"source"``.
        name: the name that was looked up.
        known: the registered names.
        meant: the name that is suggested; default: the nearest of the registered ones.

    Examples:
        >>> print(UnknownNameError("head", "rigde", ["ridge", "lda"]))
        Unknown head 'rigde'. Did you mean 'ridge'? Known: lda, ridge.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], meant: str = "") -> None:
        names = sorted(known)
        near = [meant] if meant else difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        known_some = ", ".join(names[:MAX_KNOWN]) + (", ..." if len(names) > MAX_KNOWN else "")
        self.message = f"Unknown {kind} '{name}'.{hint} Known: {known_some}."
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


class MissingExtraError(UsageError, ImportError):
    """An optional dependency is not installed; the message gives the pip command.

    Args:
        what: what needs it, as the subject of the sentence.
        extra: the extra of the ``headstart`` package that installs it.

    Examples:
        >>> print(MissingExtraError("The source 'headstart:text'", "text"))
        The source 'headstart:text' needs an extra that is not installed: pip install 'headstart[text]'.
    """

    def __init__(self, what: str, extra: str) -> None:
        self.message = f"{what} needs an extra that is not installed: pip install 'headstart[{extra}]'."
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message
