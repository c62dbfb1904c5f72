"""Unit tests of policies: a script of what happens around them, and what is expected of them."""
