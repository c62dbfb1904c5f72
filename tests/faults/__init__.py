"""Crashes, faults of storage, jumps of the clock, signals: what was promised still holds."""
