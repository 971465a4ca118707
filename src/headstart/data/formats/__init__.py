"""Table files to frames, and cells to typed columns: one module for each format that tables are written in.

What a column means is not decided here; that is the concern of `headstart.data.table`.
"""
