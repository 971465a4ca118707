"""What every search method shares: the loop with its budget, the journal, and the losses of architectures."""

from __future__ import annotations
