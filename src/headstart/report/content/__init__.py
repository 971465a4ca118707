"""What reports say: sentences, tables, origins and words, each derived from the record of a fit and nothing else.

What the model card and the page share goes in here.
"""
