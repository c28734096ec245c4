"""Sweep of the registry."""
