"""The real engine in virtual time, under whatever a seed has in store for it."""
