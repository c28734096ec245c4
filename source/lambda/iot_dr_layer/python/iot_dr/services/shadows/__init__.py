"""Brings shadows across, and reads what the index of things tells of them."""
