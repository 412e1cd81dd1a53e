"""Ensembles: a model made of models, how their scores become one, and how much each counts."""
