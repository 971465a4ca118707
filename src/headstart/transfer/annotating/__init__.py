"""Transfer where items hold annotations: what words, boxes and masks each provide, and the one fit of all three.

A kind of annotation task goes in here, one file each, and is registered in `contract.ANNOTATING`; its heads, metrics
and report are in the packages of these.
"""
