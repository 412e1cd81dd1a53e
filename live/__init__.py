"""Live: what happens to a frozen version outside the laboratory: exported, served, watched, retrained, traded."""
