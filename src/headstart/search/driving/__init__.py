"""What every search method shares: the loop with its budget, the journal, and the losses of architectures.

What no single method owns goes in here: budget, journal, resuming, losses.
"""

from __future__ import annotations
