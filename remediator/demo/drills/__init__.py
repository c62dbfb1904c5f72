"""Game-day scenarios: trouble on purpose, and how long it takes until it is over."""
