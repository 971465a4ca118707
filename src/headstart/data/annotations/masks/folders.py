"""Folders of masks beside folders of pictures: which mask belongs to which picture."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from headstart.data.annotations.location import Location

__all__ = ["MaskPairs", "pair_masks"]

MASKS = frozenset((
    "labels", "label", "masks", "mask", "annotations", "annotation", "segmentation", "segmentations",
    "segmentationclass", "segmentationclassaug", "segmentationclasspng", "segmentation_masks", "groundtruth",
    "ground_truth", "gt", "gts", "annots", "seg", "targets", "target", "maps",
))  # fmt: skip
OBJECTS = frozenset((
    "instances", "instance", "segmentationobject", "objects", "instance_ids",
))  # fmt: skip
SUFFIX = re.compile(
    r"[-_.](masks?|labels?|gt|seg(mentation)?|l|labelids|labeltrainids|annotation|groundtruth)$", re.IGNORECASE
)
LEADING = re.compile(r"^(masks?|labels?|gt|seg)[-_]", re.IGNORECASE)


@dataclass(frozen=True)
class MaskPairs:
    """Which files belong together.

    Attributes:
        masks: the mask of each picture.
        objects: a second file with numbers of objects of a picture, where there is one.
        lonely_pictures: pictures without a mask.
        lonely_masks: masks without a picture.
    """

    masks: Mapping[str, str] = field(default_factory=dict)
    objects: Mapping[str, str] = field(default_factory=dict)
    lonely_pictures: tuple[str, ...] = ()
    lonely_masks: tuple[str, ...] = ()


def pair_masks(location: Location) -> MaskPairs:
    """Pair pictures and masks by the names of folders and files.

    A mask lies in a folder that is called so (``labels``, ``masks``, ``SegmentationClass``), or has a name that says so
    (``a_mask.png`` beside ``a.jpg``). It belongs to the picture with its name in the nearest folder.

    Args:
        location: the folder.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("images/a.jpg", "masks/a.png"):
        ...     (root / name).parent.mkdir()
        ...     (root / name).touch()
        >>> pair_masks(Location(root)).masks
        {'images/a.jpg': 'masks/a.png'}
    """
    pictures: dict[str, list[str]] = defaultdict(list)
    masks, objects = list[str](), list[str]()
    for name in location.pictures:
        folders = {part.lower() for part in PurePosixPath(name).parts[:-1]}
        if folders & OBJECTS:
            objects.append(name)
        elif folders & MASKS:
            masks.append(name)
        else:
            pictures[PurePosixPath(name).stem].append(name)
    if not masks:  # a.jpg and a_mask.png in one folder
        stems = set(pictures)
        marked = {stem for stem in stems if (bare := bare_stem(stem)) != stem and bare in stems}
        masks = [name for stem in marked for name in pictures.pop(stem)]
    paired: dict[str, str] = {}
    lonely = []
    for mask in sorted(masks):
        picture = _picture_of(mask, pictures)
        if picture is None or picture in paired:
            lonely.append(mask)
        else:
            paired[picture] = mask
    of_objects = {picture: name for name in sorted(objects) if (picture := _picture_of(name, pictures)) is not None}
    left = tuple(sorted(name for names in pictures.values() for name in names if name not in paired))
    return MaskPairs(paired, of_objects, left, tuple(lonely))


def bare_stem(stem: str) -> str:
    """A file's stem without what says that it is a mask.

    Examples:
        >>> bare_stem("a_mask"), bare_stem("mask_a"), bare_stem("aachen_gtFine_labelIds"), bare_stem("a")
        ('a', 'a', 'aachen_gtFine', 'a')
    """
    return LEADING.sub("", SUFFIX.sub("", stem))


def _picture_of(mask: str, pictures: Mapping[str, list[str]]) -> str | None:
    path = PurePosixPath(mask)
    found = pictures.get(path.stem) or pictures.get(bare_stem(path.stem), [])
    if len(found) < 2:
        return found[0] if found else None
    own = set(path.parts[:-1])
    ranked = sorted(found, key=lambda name: len(own & set(PurePosixPath(name).parts[:-1])), reverse=True)
    shares = [len(own & set(PurePosixPath(name).parts[:-1])) for name in ranked[:2]]
    return ranked[0] if shares[0] > shares[1] else None
