"""The ranking of sources: which pretrained body serves these labelled items best, and how sure that is."""
