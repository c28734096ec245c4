"""Run the replication workflow for the requests of a message of their queues."""

from iot_dr.runtime.functions.run_workflow import run_workflow_handler

lambda_handler = run_workflow_handler()
