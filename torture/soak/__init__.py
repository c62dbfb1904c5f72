"""A real server among real HTTP neighbours that fail, killed again and again; then its audit log is read."""
