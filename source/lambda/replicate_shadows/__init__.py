"""Function that replicates shadows."""
