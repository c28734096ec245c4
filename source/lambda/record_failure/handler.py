"""Record in the ledger what the replication workflow could not do."""

from iot_dr.runtime.functions.record_failure import record_failure_handler

lambda_handler = record_failure_handler()
