"""Core: errors, settings, files, progress, parallel maps, compilation and intervals; knows nothing of markets."""
