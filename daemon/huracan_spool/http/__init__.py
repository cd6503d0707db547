"""What people and machines look at: health, metrics, status and a page, by GET, on this host only."""
