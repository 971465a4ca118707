"""The engine: bodies in the fastest number format that agrees with fp32, and the pipeline from items to rows.

The engine runs and caches; it prepares nothing. What knows a library of models belongs to `headstart.sources`.

Import each name from its module, so that one does not load the others: `extract.extract` and `extract.encode` (items to
rows), `moments.moments_of` (items to sums), `options.Engine` (the settings), `extraction.Extraction` (the result),
`frozen_body.FrozenBody` (a body that only encodes) and `capabilities` (optional Protocols of sources).
"""
