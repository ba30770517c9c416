"""Over HTTP: the door that results are pushed through."""
