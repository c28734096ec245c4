"""Trigger: `Custom::LaunchCheck` of the main stack. Effect: none, but a launch that cannot work is refused."""

from iot_dr.runtime.functions.launch.check_launch import lambda_handler

__all__ = ["lambda_handler"]
