"""Start the replication workflow for a batch of registry events from the global table's stream."""

from iot_dr.runtime.functions.start_replication import start_replication_handler

lambda_handler = start_replication_handler()
