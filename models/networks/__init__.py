"""Networks: a class each, ``__init__`` and ``forward`` only, from (L, N, F) sequences to (L, N) scores."""
