"""Actions and guards of Acme, for remediator."""
