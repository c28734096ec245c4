"""Queues and state machines that have resources checked."""
