"""A drill: what its devices met, what came of their messages, and how that compares with the objectives."""
