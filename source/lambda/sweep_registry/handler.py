"""Find by schedule what no event told, and what is to be tried again."""

from iot_dr.runtime.functions.sweep_registry import sweep_registry_handler

lambda_handler = sweep_registry_handler()
