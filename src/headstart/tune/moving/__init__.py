"""Fine-tuning a body by a strategy: the contract of strategies, and the candidate models that a training yields.

To move a body means to fine-tune it: to train all or some of its parameters. What all strategies share goes in here;
each strategy is a module of `headstart.tune`.
"""
