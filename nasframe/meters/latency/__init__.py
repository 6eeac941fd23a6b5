"""Measurement of the latency of networks."""
