"""What a search has besides its methods: the decision on the outer split, and what is recorded and shown of it.

What needs encoded items or the stages of a fit goes in here; methods and spaces go into `headstart.search`.
"""

from __future__ import annotations
