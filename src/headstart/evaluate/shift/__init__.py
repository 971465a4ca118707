"""Distribution shift: whether new items come from the distribution of the training items, and in what they differ.

A measure goes in here under the name of its textbook, one file each. What says that a measure is more than chance
stands beside it: `permutations` reassigns the items to the two samples, `two_sample` corrects for several measures.
"""
