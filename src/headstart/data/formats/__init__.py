"""Table files to data frames, and cells to typed columns: one module per file format.

What a column means is not decided here; `headstart.data.table` does that.
"""
