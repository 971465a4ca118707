"""Masks as pictures: a PNG (or another lossless file) with a value for each pixel, beside each picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from headstart.data.annotations.annotated import Annotated
from headstart.data.annotations.location import Location
from headstart.data.annotations.masks.coding import decide
from headstart.data.annotations.masks.folders import MaskPairs, pair_masks
from headstart.data.annotations.masks.names import class_table
from headstart.data.annotations.masks.values import MaskFile, mask_values
from headstart.data.annotations.picture_files import evenly, facts_of
from headstart.data.annotations.remarks import Remarks
from headstart.data.annotations.split_lists import SplitLists
from headstart.errors import DataError, ItemError
from headstart.types import Dataset

__all__ = ["MASK_PICTURES", "MaskPictures"]

INDEXES = ("index.csv", "metadata.csv")
IMAGES = frozenset(("images", "image", "imgs", "img", "jpegimages", "pictures", "photos", "frames", "inputs", "rgb"))
SAMPLE, FLAT = 3, 0.8
NAMES = ("name", "file", "filename", "file_name", "image", "id", "image_id")


class MaskPictures:
    """A mask beside each picture, as a picture file with a value or a colour for each pixel.

    Values are classes (grey levels, indices of a palette, colours), or numbers of the objects of one class with 8 or 16
    bits. Names of classes come from a list or a table beside them. A second folder (``SegmentationObject``,
    ``instances``) may number the objects of the classes. ``index.csv`` may hold further columns, such as ones to group
    by.

    Examples:
        >>> MASK_PICTURES.kinds
        ('mask',)
    """

    name = "masks"
    title = "mask files"
    kinds = ("mask",)
    writes = ("mask",)
    has_columns = False
    settings: Mapping[str, tuple[str, ...]] = {"values": ("classes", "instances")}
    written: Mapping[str, tuple[str, ...]] = {"values": ("classes", "colours", "instances")}

    def recognise(self, location: Location) -> int:
        """Clear where at least half of the pictures have a mask."""
        if not location.is_folder or not location.pictures:
            return 0
        pairs = pair_masks(location)
        if not pairs.masks:
            return 0
        is_most = len(pairs.masks) > len(pairs.lonely_pictures)
        return 2 if is_most and (_beside_images(pairs) or _are_flat(location, pairs)) else 1

    def read(self, location: Location) -> Annotated:
        """Read all pictures that have a mask."""
        remarks = Remarks()
        pairs = pair_masks(location)
        if not pairs.masks:
            raise DataError(
                f"No picture in '{location.shown}' has a mask; put masks into a folder 'labels' or 'masks', each with "
                "the name of its picture in a folder 'images'."
            )
        _say_lonely(pairs, location, remarks)
        names = sorted(pairs.masks)
        decision = decide(
            [location.file(pairs.masks[name]) for name in names],
            class_table(location),
            location.settings.get("values", ""),
        )
        remarks.say(decision.note)
        for row, value in decision.unknown.items():
            remarks.add("unknown_value", f"{location.title(pairs.masks[names[row]])} (value {value})")
        kept, y = list[str](), list[MaskFile]()
        for name in names:
            found = _mask(location, name, pairs, remarks)
            if found is not None:
                kept.append(name)
                turn, size = found
                objects = pairs.objects.get(name)
                own = None if objects is None else location.file(objects)
                y.append(MaskFile(location.file(pairs.masks[name]), size, decision.coding, turn, own))
        split = SplitLists(location).of(kept, remarks)
        named = _index(location, kept, remarks)
        items = [str(location.file(name)) for name in kept]
        return Annotated("mask", items, tuple(kept), y, decision.labels, split, None, remarks.sentences(), named)

    def write(self, dataset: Dataset, folder: Path, settings: Mapping[str, str]) -> tuple[str, ...]:
        """Write ``labels/NAME.png`` with classes, colours or numbers of objects, and the names of the classes."""
        from headstart.data.annotations.writers.mask_pictures import write_masks

        return write_masks(dataset, folder, settings["values"])


MASK_PICTURES = MaskPictures()


def _beside_images(pairs: MaskPairs) -> bool:
    """Whether the pictures lie in a folder that is called so, as that of masks is; else they may be two classes."""
    return all(IMAGES & {part.lower() for part in PurePosixPath(name).parts[:-1]} for name in pairs.masks)


def _are_flat(location: Location, pairs: MaskPairs) -> bool:
    """Whether neighbouring pixels of some masks are mostly equal, as those of photographs are not."""
    for name in evenly(sorted(pairs.masks.values()), SAMPLE):
        try:
            values = mask_values(location.file(name))
        except ItemError:
            return False
        if values.shape[1] > 1 and float((values[:, 1:] == values[:, :-1]).mean()) < FLAT:
            return False
    return True


def _say_lonely(pairs: MaskPairs, location: Location, remarks: Remarks) -> None:
    for name in pairs.lonely_pictures:
        remarks.add("no_annotation", f"'{name}'")
    for name in pairs.lonely_masks:
        remarks.add("no_picture", location.title(name))


def _mask(location: Location, name: str, pairs: MaskPairs, remarks: Remarks) -> tuple[int, tuple[int, int]] | None:
    """The turn of a mask and the size of its upright picture; None where it is set aside."""
    mask = pairs.masks[name]
    try:
        facts, own = facts_of(location, name), facts_of(location, mask)
    except ItemError as error:
        remarks.add("unreadable_picture", str(error).rstrip("."))
        return None
    if own.stored not in (facts.stored, facts.size):
        remarks.add(
            "mask_size",
            f"{location.title(mask)} ({own.stored[0]} x {own.stored[1]}, its picture has "
            f"{facts.stored[0]} x {facts.stored[1]})",
        )
        return None
    if facts.turn != 1:
        remarks.add("turned", f"'{name}'")
    return facts.turn_for(own.stored), facts.size


def _index(location: Location, names: Sequence[str], remarks: Remarks) -> dict[str, list[str]]:
    """The columns of an index of the pictures, by the names in its first fitting column."""
    file = next((name for name in location.files if PurePosixPath(name).name.lower() in INDEXES), None)
    if file is None:
        return {}
    text, _ = location.text(file)
    rows = list(csv.DictReader(io.StringIO(text)))
    columns = [name for name in (rows[0] if rows else {}) if name]
    key = next((name for name in columns if name.strip().lower() in NAMES), None)
    if key is None:
        return {}
    by_name = {PurePosixPath(row[key] or "").stem: row for row in rows}
    own = [by_name.get(PurePosixPath(name).stem, {}) for name in names]
    if not any(own):
        return {}
    others = [name for name in columns if name != key]
    remarks.say(f"Read the columns {', '.join(map(repr, others))} from '{file}'; --group-col may name one.")
    return {name: [str(row.get(name) or "") for row in own] for name in others}
