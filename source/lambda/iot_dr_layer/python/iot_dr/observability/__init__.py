"""Structured logs and metrics: one line per outcome, never a PEM, a policy's text or a shadow's state."""
