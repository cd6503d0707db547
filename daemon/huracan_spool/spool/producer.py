"""The former place of `publish`."""

from huracan_spool.producer.handover import publish

__all__ = ["publish"]
