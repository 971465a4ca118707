"""From scores to annotations: pure functions of arrays, such as the most probable path of tags.

A module needs numpy (and scipy) alone, and knows no source, head or file.
"""
