"""huracan-spool: from a finished training run in the spool to a proven copy in Dropbox."""

__version__ = "0.1.0"
