"""Failure recorder of the replication."""
