"""Incident reports: Markdown from the records, with metrics and plots; from the same, the same bytes."""
