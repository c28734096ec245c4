"""The names, settings and parts of a launch."""
