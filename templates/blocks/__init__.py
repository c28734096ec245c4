"""Building blocks that the stacks share; each says once what holds for every resource of its kind."""
