"""The start of the launch."""
