"""Architectures: networks, each ``__init__`` and ``forward`` (and ``step``) alone; a kind of model names one."""
