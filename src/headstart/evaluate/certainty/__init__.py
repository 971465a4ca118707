"""What held-out items show of a model's certainty: abstention, reliability and novelty, as blocks of the record."""

from __future__ import annotations
