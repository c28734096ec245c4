"""Trigger of the replication."""
