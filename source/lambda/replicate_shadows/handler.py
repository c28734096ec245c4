"""Replicate shadows: from the events of their stream, or as the workflow's requests ask."""

from iot_dr.runtime.functions.replicate_shadows import replicate_shadows_handler

lambda_handler = replicate_shadows_handler()
