"""The SQLite store, through sqlite-utils."""
