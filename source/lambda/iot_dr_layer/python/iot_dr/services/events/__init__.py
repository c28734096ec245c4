"""Turns what AWS tells of the primary's registry into requests, and brings in what did not arrive."""
