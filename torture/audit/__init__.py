"""What must hold of an audit log, read by itself: nothing here looks at the store or into the engine."""
