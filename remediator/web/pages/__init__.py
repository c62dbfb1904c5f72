"""The pages for people: rendered on the server, live by server-sent events, usable without script."""
