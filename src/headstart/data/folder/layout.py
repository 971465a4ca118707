"""Folder layouts: which levels of folders are splits, folds or classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from headstart.data.schema import FOLDS, SPLITS

__all__ = ["Layout", "Place", "parse_layout"]


@dataclass(frozen=True)
class Place:
    """One file, and what its location says about it.

    Attributes:
        path: POSIX path relative to the folder.
        folders: the parent folders that are not interpreted yet, from the top.
        split: its given split, or None.
        fold: its fold, or None.
    """

    path: str
    folders: tuple[str, ...]
    split: str | None = None
    fold: str | None = None


@dataclass(frozen=True)
class Layout:
    """The interpreted layout of a folder.

    Attributes:
        places: the files that belong to the layout with their splits and folds, ordered by path.
        classes: the class of each file, or None if there are no class folders.
        stray: how many files are outside of the folders of the layout.
        depth: how many levels of folders are above the class folders.

    Examples:
        >>> parse_layout(["ant/1.jpg", "bee/2.jpg", "3.jpg"]).stray
        1
    """

    places: tuple[Place, ...]
    classes: tuple[str, ...] | None
    stray: int
    depth: int = 0


def parse_layout(files: Sequence[str]) -> Layout:
    """Interpret the parent folders of files, from the top down.

    A level with at least two folders named like splits is the given split (files outside of them are stray). A level of
    ``fold1``, ``fold2``, ... is the folds. A single folder that contains several is skipped. The next level is the
    classes. Deeper folders belong to their class, unless there are splits or folds directly below every class.

    Args:
        files: POSIX paths relative to the folder.

    Examples:
        >>> layout = parse_layout(["fold1/dog/1.ogg", "fold2/cat/2.ogg"])
        >>> layout.classes, [place.fold for place in layout.places]
        (('dog', 'cat'), ['fold1', 'fold2'])
        >>> [place.split for place in parse_layout(["Train/ant/1.jpg", "Valid/ant/2.jpg"]).places]
        ['train', 'val']
    """
    places = [Place(path, tuple(path.split("/")[:-1])) for path in files]
    depth = 0
    while (role := _role(places)) is not None:
        depth += 1
        places = [_peel(place, role) for place in places if _plays(place, role)]
    inside = [place for place in places if place.folders]
    if not inside:
        return Layout(tuple(places), None, len(files) - len(places), depth)
    classes = tuple(place.folders[0] for place in inside)
    below = [replace(place, folders=place.folders[1:]) for place in inside]
    role = _role(below)
    if role in ("split", "fold") and all(_plays(place, role) for place in below):
        below = [_peel(place, role) for place in below]
    return Layout(tuple(below), classes, len(files) - len(below), depth)


Role = Literal["split", "fold", "through"]


def _role(places: Sequence[Place]) -> Role | None:
    """The role of the top level of folders; None if it is the classes, or if there is none."""
    top = {place.folders[0] for place in places if place.folders}
    first = places[0] if places else None
    splits = {SPLITS[name.lower()] for name in top if name.lower() in SPLITS}
    if len(splits) > 1 and first is not None and first.split is None:
        return "split"
    if len(top) > 1 and all(_is_fold(name) for name in top) and first is not None and first.fold is None:
        return "fold"
    below = {place.folders[1:] for place in places if place.folders}
    return "through" if len(top) == 1 and len(below) > 1 and () not in below else None


def _is_fold(name: str) -> bool:
    return re.fullmatch(FOLDS, name.lower()) is not None


def _plays(place: Place, role: Role) -> bool:
    return bool(place.folders) and (role != "split" or place.folders[0].lower() in SPLITS)


def _peel(place: Place, role: Role) -> Place:
    top = place.folders[0].lower()
    return replace(
        place,
        folders=place.folders[1:],
        split=SPLITS[top] if role == "split" else place.split,
        fold=top if role == "fold" else place.fold,
    )
