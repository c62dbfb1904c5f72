"""Named periodic work, and the only scheduler."""
