"""Architectures as contenders: the columns they read, and the head that they stand for.

What turns an `headstart.heads.architecture.Architecture` into features or a fitted head goes in here.
"""

from __future__ import annotations
