"""Fine-tuning a body by a strategy: the contract of strategies, and the judged candidates that a training yields.

What all strategies share goes in here. A strategy is a module of `headstart.tune`.
"""
