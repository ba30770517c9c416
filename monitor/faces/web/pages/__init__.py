"""Pages: rendered here, readable without a script."""
