"""The one training loop, and what it needs: settings, optimiser, schedules, batches, checkpoints, logs, processes.

`headstart.tune.training.run.run_training` is the entry point. Nothing here depends on strategies or heads: the loop
trains any torch module with a loss.
"""
