"""Recorder of calls that raise no registry event."""
