"""Bring one resource of this Region's registry to the primary's state, asked by the replication workflow."""

from iot_dr.runtime.functions.replicate_resource import replicate_resource_handler

lambda_handler = replicate_resource_handler()
