"""Instrument: what the pipeline can find, measured on markets with a known answer.

Planted markets say how much of an alpha of known strength each learner recovers; null markets, how often it is fooled;
the temperature study, what the soft rank's τ does. Nothing measured on a synthetic market enters a trial log.
"""

from strategy.studies.planted_alpha.market_calibration import Calibration, calibrate_market, save_calibration
from strategy.studies.planted_alpha.study_settings import PlantedAlphaSettings
from strategy.studies.planted_alpha.temperature import RealBars

__all__ = ["Calibration", "PlantedAlphaSettings", "RealBars", "calibrate_market", "save_calibration"]
