"""The producer library: what training imports. Standard library only, no threads, no network."""
