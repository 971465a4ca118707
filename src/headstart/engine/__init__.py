"""The engine: bodies in the fastest number format that agrees with fp32, and the pipeline from items to rows."""
