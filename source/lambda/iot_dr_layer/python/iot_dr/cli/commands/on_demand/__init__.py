"""The commands that ask for something now: the check of one resource, and a sweep."""
