"""Have the function's own Region take over: `{"why": "..."}` in, who leads by which order out."""

from iot_dr.runtime.functions.fail_over import fail_over_handler

lambda_handler = fail_over_handler()
