"""List a leg of what a sync in the account checks."""

from iot_dr.runtime.functions.list_fleet import list_fleet_handler

lambda_handler = list_fleet_handler()
