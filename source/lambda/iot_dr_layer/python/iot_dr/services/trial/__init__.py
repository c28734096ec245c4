"""Proves an installation with devices that are made for it."""
