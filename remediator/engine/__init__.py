"""Intake, decision, execution, verification, revert."""
