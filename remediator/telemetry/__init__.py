"""Logs and metrics, derived from committed audit rows."""
