"""Applies what a comparison found, as fast as the quotas allow."""
