"""Heads that mark spans of words: a linear map of word rows, then the best path of tags."""
