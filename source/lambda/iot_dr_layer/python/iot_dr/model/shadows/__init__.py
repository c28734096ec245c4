"""Shadows: what one holds, and what an index tells of many."""
