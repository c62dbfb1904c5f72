"""Everything that talks to another process or machine."""
