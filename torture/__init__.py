"""The long attempts to break what docs/reliability.md promises. `make torture` runs them."""
