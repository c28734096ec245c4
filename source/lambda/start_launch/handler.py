"""Trigger: `Custom::SolutionLaunch` of the main stack. Effect: starts the build that launches the regional stacks."""

from iot_dr.runtime.functions.launch.start_launch import lambda_handler

__all__ = ["lambda_handler"]
