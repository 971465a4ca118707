"""Export: a model in a standard format, which runs without Headstart.

One format, one file, under its own name; `headstart.export.registry` lists them. A format writes a folder and names the
file in it that runs it; that file is then run in a new process on real items, and its answers are compared with those
of the model. `graph/` makes the graph of body, head and calibration, `readers/` has the files that run it, and
`checking/` compares.
"""

from headstart.export.export import Exported, export
from headstart.export.registry import FORMATS, ExportFormat, Written

__all__ = ["FORMATS", "ExportFormat", "Exported", "Written", "export"]
