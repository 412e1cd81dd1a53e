"""Fake broker: an account of our own that speaks a broker's protocol over loopback, with faults on request."""
