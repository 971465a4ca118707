"""Steps of updating and forgetting: which items are new, what changed, and what is written of it.

What both calls need goes in here; what users call stands at the door of `headstart.transfer`.
"""
