"""The vocabulary: what a registry holds, how it is named, what an event says and what a change is. Pure data."""
