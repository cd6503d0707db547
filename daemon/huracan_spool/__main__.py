"""`python -m huracan_spool` is `huracan-spool`."""

from __future__ import annotations

from huracan_spool.cli.main import main

if __name__ == "__main__":
    main()
