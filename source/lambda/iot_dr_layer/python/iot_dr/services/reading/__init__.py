"""Reads registries: whole, some things of them, or one resource again."""
