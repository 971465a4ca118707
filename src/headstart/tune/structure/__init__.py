"""Changes to a body's structure: low-rank modules, side networks, fresh and source heads, and choosing its layers.

A change of a body's structure that strategies use goes in here.
"""
