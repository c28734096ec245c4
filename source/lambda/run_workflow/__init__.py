"""Runs the replication workflow for queued requests."""
