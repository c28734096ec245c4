"""Runs the replication workflow for queued looks."""
