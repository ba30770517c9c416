"""What we expect, and what we do about it."""
