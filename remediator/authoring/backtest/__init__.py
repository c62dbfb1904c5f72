"""Backtests: recorded alerts through a policy set, in virtual time, by the engine's own decision function."""
