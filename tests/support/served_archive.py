"""An emulated Dropbox with years of runs in it, as a process of its own: for measuring who reads them.

    PYTHONPATH=daemon:tests python -m support.served_archive 73000 link

The first line on stdout is what `huracan-spool emulator` says. Ends with its stdin.
"""

from __future__ import annotations

import asyncio
import json
import sys

from huracan_spool.emulator import Emulator, EmulatorOptions, WanProfile, parse_profile
from support.planted_archive import years_of_runs


async def serve(runs: int, wan: WanProfile) -> None:
    async with Emulator(EmulatorOptions(wan=wan)) as emulator:
        emulator.plant(years_of_runs(runs))
        announcement = {
            "http_url": emulator.http_url,
            "https_url": emulator.https_url,
            "ca_file": str(emulator.ca_file),
            "access_token": emulator.access_token,
            "refresh_token": emulator.refresh_token,
            "app_key": emulator.app_key,
        }
        print(json.dumps(announcement), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    runs, *profile = sys.argv[1:]
    asyncio.run(serve(int(runs), parse_profile(profile[0]) if profile else WanProfile()))
