"""Which Region leads: the control item, a Region's fence, and what a health check answers."""
