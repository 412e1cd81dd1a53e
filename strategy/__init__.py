"""The whole strategy: spec, pipeline, run store and command line."""
