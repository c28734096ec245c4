"""Wires what somebody asks for now: the check of one resource, and a sweep."""
