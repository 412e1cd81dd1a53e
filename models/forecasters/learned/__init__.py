"""Learned forecasters: networks of the kinds that strategies have, with an output a horizon."""
