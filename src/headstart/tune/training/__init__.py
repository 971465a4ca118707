"""The one training loop, and what it needs: settings, optimiser, schedules, batches, checkpoints, logs, processes.

It knows neither strategies nor heads: any torch module with a loss can be trained by it.
"""
