"""Listing of what a sync in the account checks."""
