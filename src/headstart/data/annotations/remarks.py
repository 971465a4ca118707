"""What a reader of annotations repaired, moved or set aside: counted, with examples."""

from __future__ import annotations

from collections.abc import Mapping

from headstart.reporting.wording import plural

__all__ = ["REMARKS", "Remarks"]

REMARKS: Mapping[str, tuple[str, str]] = {
    "no_area": ("box has no area and was set aside", "boxes have no area and were set aside"),
    "outside": ("box lies outside of its picture and was set aside",
                "boxes lie outside of their pictures and were set aside"),
    "clipped": ("box reaches beyond its picture and was clipped",
                "boxes reach beyond their pictures and were clipped"),
    "doubled": ("box repeats another of the same class and was set aside",
                "boxes repeat others of the same class and were set aside"),
    "no_picture": ("annotation has no picture and was set aside", "annotations have no picture and were set aside"),
    "no_annotation": ("picture has no annotation and was left out", "pictures have no annotation and were left out"),
    "unreadable_picture": ("picture cannot be read and was set aside", "pictures cannot be read and were set aside"),
    "other_size": ("annotation states another size than its picture has; the size of the picture is used",
                   "annotations state another size than their pictures have; the sizes of the pictures are used"),
    "mask_size": ("mask is not of the size of its picture and was set aside",
                  "masks are not of the size of their pictures and were set aside"),
    "unknown_value": ("mask holds a value without a class, which is ignored",
                      "masks hold values without a class, which are ignored"),
    "no_shape": ("object has no shape, and its box does not count in the mask",
                 "objects have no shape, and their boxes do not count in masks"),
    "none_left": ("picture keeps none of its objects and was set aside",
                  "pictures keep none of their objects and were set aside"),
    "unknown_class": ("annotation is of an unknown class and was set aside",
                      "annotations are of unknown classes and were set aside"),
    "no_label_file": ("picture has no label file and counts as one without objects",
                      "pictures have no label file and count as ones without objects"),
    "turned": ("picture is stored turned (EXIF); its annotation was turned with it",
               "pictures are stored turned (EXIF); their annotations were turned with them"),
    "tag_repaired": ("tag does not fit the tag before it and was repaired",
                     "tags do not fit the tags before them and were repaired"),
    "empty_word": ("tag has no word and was set aside", "tags have no word and were set aside"),
    "moved": ("span begins or ends inside a word and was moved to whole words",
              "spans begin or end inside words and were moved to whole words"),
    "span_text": ("span does not hold the text that it states; its positions are used",
                  "spans do not hold the texts that they state; their positions are used"),
    "overlap": ("span overlaps a longer one and was set aside", "spans overlap longer ones and were set aside"),
    "rejected": ("record was rejected or skipped by its annotator and was left out",
                 "records were rejected or skipped by their annotators and were left out"),
    "further_annotation": ("annotation is a further one of its record and was not read",
                           "annotations are further ones of their records and were not read"),
    "further_label": ("label is a further one of its region and was not read",
                      "labels are further ones of their regions and were not read"),
    "no_label": ("region has no label and was set aside", "regions have no label and were set aside"),
    "other_region": ("region is of a type that is not read and was set aside",
                     "regions are of types that are not read and were set aside"),
    "no_spans_left": ("text keeps none of its spans and was set aside",
                      "texts keep none of their spans and were set aside"),
    "empty_text": ("text holds no word and was set aside", "texts hold no word and were set aside"),
    "empty_span": ("span holds no word and was set aside", "spans hold no word and were set aside"),
}  # fmt: skip
"""By kind of remark, the words after a count of one and of several."""

EXAMPLES = 5


class Remarks:
    """Collects remarks by kind.

    Examples:
        >>> remarks = Remarks()
        >>> remarks.add("no_area", "'a.xml', line 7")
        >>> remarks.sentences()
        ("1 box has no area and was set aside: 'a.xml', line 7.",)
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._examples: dict[str, list[str]] = {}
        self._notes: list[str] = []

    def add(self, kind: str, where: str) -> None:
        """Count one more.

        Args:
            kind: a key of `REMARKS`.
            where: the file, the line and what is there.
        """
        self._counts[kind] = self._counts.get(kind, 0) + 1
        examples = self._examples.setdefault(kind, [])
        if len(examples) < EXAMPLES:
            examples.append(where)

    def say(self, note: str) -> None:
        """Add a sentence as it is."""
        if note not in self._notes:
            self._notes.append(note)

    def count(self, kind: str) -> int:
        """How often a kind was added."""
        return self._counts.get(kind, 0)

    def sentences(self) -> tuple[str, ...]:
        """What was said, and a sentence with examples for each kind."""
        counted = []
        for kind, count in self._counts.items():
            examples = self._examples[kind]
            more = f"; and {count - len(examples)} more" if count > len(examples) else ""
            counted.append(f"{plural(count, *REMARKS[kind])}: {'; '.join(examples)}{more}.")
        return (*self._notes, *counted)
