"""The engine: bodies in the fastest number format that agrees with fp32, and the pipeline from items to rows.

Its words stand in modules of their own, so that asking for one loads no other: `extract.extract` and `extract.encode`
(items to rows), `moments.moments_of` (items to sums), `options.Engine` (how), `extraction.Extraction` (what came out),
`frozen_body.FrozenBody` (a body that only encodes) and `capabilities` (what a source may offer beside its required
methods).
"""
