"""Setting up the service on a host: what `huracan-spool install` does, and what a package's scripts do."""
