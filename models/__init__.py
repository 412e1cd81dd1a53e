"""Models: windows, labels, kinds of model, losses, training and checkpoints; the only package that imports torch."""

from core.idle_threads import sleep_while_idle

sleep_while_idle()  # before torch is loaded, which reads it then
