"""Architectures as contenders: the columns they read, and the head that they stand for."""

from __future__ import annotations
