"""Networks: the training loop, its state, and scoring of what a kind builds from ``models.architectures``."""
