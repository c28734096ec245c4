"""Register devices that connect to the primary Region for the first time, by the operator's provisioning template."""

from iot_dr.runtime.functions.register_device import provision_device_handler

lambda_handler = provision_device_handler()
