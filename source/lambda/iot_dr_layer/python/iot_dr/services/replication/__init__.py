"""Brings one resource of the target to the state of the source: read, plan, mark, apply, record."""
