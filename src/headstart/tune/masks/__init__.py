"""Training for masks: a decoder network on a body's maps, by the project's one loop.

What goes in here makes batches of labelled pictures, losses and networks of masks; the loop itself is in
`headstart.tune.training`.
"""
