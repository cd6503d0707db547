"""The spool directory: the queue itself, its names, and every legal move in it."""
