"""What analysts use: the runs that were stored, found and brought back byte for byte. The daemon never loads it."""
