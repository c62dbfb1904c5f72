"""The demo world: a hotel agent and its PMS as real processes, and the story that `make demo` tells."""
