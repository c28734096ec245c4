"""Queues and state machines that have resources looked at."""
