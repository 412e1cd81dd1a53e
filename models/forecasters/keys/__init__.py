"""Keys of forecasters: what each kind is told, and what a search may try."""
