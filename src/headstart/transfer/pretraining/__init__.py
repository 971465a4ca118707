"""What a pretraining needs besides the training: the body to begin with, its parts of the data, its folder and card.

What only `headstart.transfer.pretrain` needs goes in here.
"""
