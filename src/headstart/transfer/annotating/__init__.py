"""Transfer where items hold annotations: what words, boxes and masks each provide, and the one fit of all three."""
