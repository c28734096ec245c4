"""A function that lacks a variable does not start: the next event must not be the first to find out."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.runtime.functions.record_failure import record_failure_handler
from iot_dr.runtime.functions.record_management_event import record_management_event_handler
from iot_dr.runtime.functions.register_device import provision_device_handler, register_device_handler
from iot_dr.runtime.functions.replicate_resource import replicate_resource_handler
from iot_dr.runtime.functions.replicate_shadows import replicate_shadows_handler
from iot_dr.runtime.functions.run_workflow import run_workflow_handler
from iot_dr.runtime.functions.start_replication import start_replication_handler
from iot_dr.runtime.functions.sweep_registry import sweep_registry_handler
from tests.builders import PRIMARY


@pytest.mark.parametrize(
    ("make", "environ", "missing"),
    [
        (provision_device_handler, {}, "PROVISIONING_TEMPLATE"),
        (record_failure_handler, {}, "LEDGER_TABLE"),
        (record_management_event_handler, {"AWS_REGION": PRIMARY}, "EVENT_TABLE"),
        (register_device_handler, {}, "LOOK_QUEUE_URL"),
        (replicate_resource_handler, {}, "PRIMARY_REGION"),
        (replicate_shadows_handler, {}, "PRIMARY_REGION"),
        (run_workflow_handler, {}, "LOOK_QUEUE_URL"),
        (start_replication_handler, {}, "PRIMARY_REGION"),
        (sweep_registry_handler, {}, "PRIMARY_REGION"),
    ],
)
def test_without_its_variables_a_function_does_not_start(
    make: Callable[[Mapping[str, str]], Any], environ: Mapping[str, str], missing: str
) -> None:
    with pytest.raises(ConfigurationError, match=missing):
        make(environ)
