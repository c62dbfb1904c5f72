"""Versions of remediator that break a promise on purpose: its tests must notice each of them."""
