"""Shadows of one Region: read, written, and found by the index of things."""
