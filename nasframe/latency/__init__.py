"""Latencies that are measured, with what is known of their uncertainty."""
