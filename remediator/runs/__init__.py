"""The records of the engine's state, the pure state machine, rendered plans and the audit chain."""
