"""What can be wrong on a host: one small function for each thing that is looked at."""
