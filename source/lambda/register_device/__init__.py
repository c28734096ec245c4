"""Starter of the replication for devices that just-in-time registration met."""
