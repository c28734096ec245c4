"""Writes down what a Region's registry holds, and brings it back."""
