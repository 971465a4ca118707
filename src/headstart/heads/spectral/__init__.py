"""One eigendecomposition for every λ: spectra of feature maps, leave-one-out outputs, class weights and kept moments.

What is read off a spectrum goes in here; the algebra itself is `headstart.linear`.
"""
