"""Coverage-guided fuzzing of what reads text from outside: `python -m fuzz`, or `run` for tests."""
