"""The event table, and where events are kept that did not arrive."""
