"""The report: an evaluation, its verdict and its provenance in, one self-contained HTML page out."""
