"""Models of Keras as torch modules: their graph is read as data, so no code of a file and none of Keras runs.

The reader of files, the layers, the network, the applications of Keras and the source have one file each.
"""
