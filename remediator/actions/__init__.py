"""What a step can do: one file a capability, listed in the catalog."""
