"""Metrics of annotations, each with its interval over items: spans of words, boxes, masks."""
