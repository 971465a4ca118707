"""Data input: read, audit and split whatever the user provides.

Entry points stand here; what they are made of is in the sub-packages. Nothing in this package encodes or learns.
"""

from __future__ import annotations

from headstart.data.annotations.writing import write_annotations
from headstart.data.auditing.audit import Audit, audit
from headstart.data.auditing.findings import Finding
from headstart.data.media.readers import read_audio, read_image
from headstart.data.naming.label_names import label_name
from headstart.data.read import read, read_with
from headstart.data.schema import ReadOptions
from headstart.data.splits import Split, folds, split, union_groups
from headstart.data.table.align import align_columns
from headstart.data.text.unicode import normalized

__all__ = [
    "Audit",
    "Finding",
    "ReadOptions",
    "Split",
    "align_columns",
    "audit",
    "folds",
    "label_name",
    "normalized",
    "read",
    "read_audio",
    "read_image",
    "read_with",
    "split",
    "union_groups",
    "write_annotations",
]
