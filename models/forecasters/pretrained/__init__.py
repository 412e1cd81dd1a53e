"""Pretrained forecasters: models that were trained elsewhere, asked for the sessions to come; nothing is fitted."""
