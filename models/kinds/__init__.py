"""Kinds of model, one file each: settings of its own, and how they become a model; a new kind is a new file."""
