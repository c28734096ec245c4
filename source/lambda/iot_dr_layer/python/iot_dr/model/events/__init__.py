"""Registry events as the event table keeps them, and those that did not arrive."""
