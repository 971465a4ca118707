"""Parts of `suggest`: the choice among unlabelled rows, its result, and tasks for Label Studio.

What needs a model and rows of features goes in here; reading data is `headstart.transfer.suggest`.
"""
