"""Brings what changed since a failover back to the old primary, and the devices after it."""
