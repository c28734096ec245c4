"""Disaster recovery for AWS IoT Core: keep a secondary Region equal to the primary, prove it, rehearse the switch."""

__version__ = "0.1.0"
