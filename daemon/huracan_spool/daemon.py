"""From the command line to a running service: signals, reload, and what ends with which exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

import structlog

from huracan_spool import __version__, logs, wiring
from huracan_spool.activity import Activity
from huracan_spool.errors import HuracanSpoolError
from huracan_spool.loop_watch import LoopWatch
from huracan_spool.service import Service
from huracan_spool.settings import ConfigurationError, Settings, stamp_of
from huracan_spool.systemd import notify

GRACE = 3.0  # seconds that a cancelled attempt has to let go of its files
LOOK_AT_LOGIN = 2.0  # seconds between two looks at whether somebody logged in


class Daemon:
    """Runs one `Service` after the other: a reload ends one, as a stop would, and begins the next.

    In the spool lies all that the next one needs, so nothing is handed over.
    """

    def __init__(self, load: Callable[[], Settings], settings: Settings) -> None:
        self._load = load
        self._settings = settings
        self._reloading = False
        self._stopping = False
        self._usable: Settings | None = None
        self._service: Service | None = None
        self._login = settings.login.stamp
        self._activity = Activity()  # its totals go on over a reload
        self._log = structlog.get_logger()

    async def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises what `wiring.built` and `Service.run` raise."""
        self._take_signals()
        self._look_at_login()
        with LoopWatch():
            begin = True
            while begin:
                self._reloading = False
                self._begin()
                await self._serve(self._settings)
                begin = self._reloading and not self._stopping
        self._ignore_signals()

    def _begin(self) -> None:
        begin_logging(self._settings)
        for warning in self._settings.warnings:
            self._log.warning("configuration_is_odd", warning=warning)
        self._log.info("daemon_starting", version=__version__, pid=os.getpid(), spool=self._settings.spool.path)

    async def _serve(self, settings: Settings) -> None:
        async with AsyncExitStack() as stack:
            try:
                service = await stack.enter_async_context(wiring.built(settings, self._activity))
            except (HuracanSpoolError, OSError) as error:
                self._go_back(error)
                return
            self._usable, self._service = settings, service
            if not self._stopping and not self._reloading:  # a signal may have come while it was built
                await service.run()
            self._service = None

    def _go_back(self, error: Exception) -> None:
        """A reloaded configuration that reads well but can't be used; `error` is raised if there is no other."""
        if self._usable is None:
            raise error
        self._refuse([str(error)])
        self._settings, self._usable, self._reloading = self._usable, None, True

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, signal.Signals(number).name)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_signal_handler(signal.SIGUSR1, self._rescan)

    def _ignore_signals(self) -> None:
        """Python takes some 0.3 s to end. The loop would give the signals back to the system, and one of them in
        that time would make a death by signal of a stop that went well.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)

    def _stop(self, name: str) -> None:
        if self._stopping:
            self._log.warning("leaving_at_once", signal=name)
            os._exit(0)  # a kill at any instant is safe: the spool is the queue
        self._stopping = True
        seconds = self._settings.upload.drain_timeout
        # What is not done is checkpointed within this time, whatever the unit's TimeoutStopSec=.
        notify("STOPPING=1", f"EXTEND_TIMEOUT_USEC={round((seconds + 2 * GRACE) * 1e6)}")
        self._log.info("daemon_stopping", signal=name, drain_seconds=seconds)
        if self._service is not None:
            self._service.stop()
        # A thread in the middle of a large copy can't be cancelled.
        asyncio.get_running_loop().call_later(seconds + GRACE, os._exit, 0)

    def _look_at_login(self) -> None:
        """A new log-in is used at once: whoever logs in wants the uploads to go on, now and without a restart."""
        asyncio.get_running_loop().call_later(LOOK_AT_LOGIN, self._look_at_login)
        stamp = stamp_of(self._settings.login.path)
        if stamp != self._login and not self._stopping:
            self._login = stamp
            self._log.info(
                "login_changed", file=self._settings.login.path, action="none: the configuration is read again"
            )
            self._reload()

    def _reload(self) -> None:
        notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            self._settings = self._load()
        except ConfigurationError as error:
            self._refuse([str(problem) for problem in error.problems])
            notify("READY=1")
            return
        self._login = self._settings.login.stamp
        self._log.info("configuration_reloaded")
        self._reloading = True
        if self._service is not None:
            self._service.stop()

    def _refuse(self, problems: list[str]) -> None:
        self._log.error("configuration_refused", problems=problems, action="going on with the old one")

    def _rescan(self) -> None:
        self._log.info("rescan_asked_for", signal="SIGUSR1")
        if self._service is not None:
            self._service.rescan_now()


def begin_logging(settings: Settings) -> None:
    for secret in settings.secrets():
        logs.hide(secret.reveal())
    logs.configure(settings.log.format, settings.log.level, journal=logs.is_journal(os.environ))


def serve(load: Callable[[], Settings], settings: Settings) -> None:
    """Run the daemon until it is told to stop.

    Raises `SpoolBusy`, `UnsafeSpool`, `SpoolReplaced`, `OSError`, or what killed a background task.
    """
    os.umask(0o027)  # receipts and failed/ are readable by the group, for nobody else
    try:
        asyncio.run(Daemon(load, settings).run())
    except BaseExceptionGroup as failures:
        expected = failures.subgroup(HuracanSpoolError)
        raise (expected.exceptions[0] if expected else failures) from failures
