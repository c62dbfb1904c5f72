"""What policy authors use: check, explain, generated references."""
