"""A breakable hotel agent and its PMS, and the runner that shows remediator acting on them."""
