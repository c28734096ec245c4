"""Publishes a build, checks whether it can be launched, launches it, and tells what is left of it."""
