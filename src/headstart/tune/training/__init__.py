"""The one training loop, and what it needs: settings, optimiser, schedules, batches, checkpoints, logs, processes.

`headstart.tune.training.run.run_training` is the entry. Nothing here knows strategies or heads: it trains any torch
module with a loss.
"""
