"""Start the replication workflow for certificates that just-in-time registration met in the secondary Region."""

from iot_dr.runtime.functions.register_device import register_device_handler

lambda_handler = register_device_handler()
