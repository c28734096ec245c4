"""Pages for people: one file each, with everything in it."""
