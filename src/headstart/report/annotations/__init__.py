"""Blocks of the report of annotated items: sentences with marked spans, pictures with boxes or masks."""
