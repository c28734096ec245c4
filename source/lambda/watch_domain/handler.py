"""Take the lead in the function's own Region once the fleet's name leads there by itself."""

from iot_dr.runtime.functions.watch_domain import watch_domain_handler

lambda_handler = watch_domain_handler()
