"""What a search has besides its methods: the decision on the outer split, and what is recorded and shown of it."""

from __future__ import annotations
