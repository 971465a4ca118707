"""Sources: pretrained bodies that encode items to features. `open_source` opens each of them by its name.

Each kind of source is one module and one line in `registry`; what several of them share is in the sub-packages.
"""

from headstart.sources.default import source_for
from headstart.sources.module import module
from headstart.sources.registry import SOURCES, card_of, describe, list_sources, open_saved, open_source

__all__ = ["SOURCES", "card_of", "describe", "list_sources", "module", "open_saved", "open_source", "source_for"]
