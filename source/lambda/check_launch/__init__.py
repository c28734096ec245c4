"""The check that comes before a launch."""
