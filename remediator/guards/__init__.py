"""What can block a run: one file a guard, listed in the catalog."""
