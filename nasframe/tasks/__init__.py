"""Data sets, resident in memory or on the device."""
