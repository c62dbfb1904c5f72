"""What a policy file says: its model, its matchers, its expressions, and how files become policies."""
