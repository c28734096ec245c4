"""Provision or remove the health checker's thing, certificate and policy, on behalf of `Custom::Probe`."""

from __future__ import annotations

from iot_dr.runtime.functions.launch import probes
from iot_dr.runtime.functions.launch.custom_resources import answering

lambda_handler = answering(probes.wire)
