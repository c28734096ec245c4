"""Store a call that raises no registry event in the global table; EventBridge brings it from CloudTrail."""

from iot_dr.runtime.functions.record_management_event import record_management_event_handler

lambda_handler = record_management_event_handler()
