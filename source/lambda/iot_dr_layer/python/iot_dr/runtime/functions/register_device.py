"""Wires what reads the queues of just-in-time registrations.

In the secondary a batch comes in and requests go out, to their queue; in the primary each message's device is
registered by the operator's template.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from iot_dr.aws.clients import client
from iot_dr.aws.registry.provisioning import IotProvisioningTemplate
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.workflow.queues import SqsRequestQueues
from iot_dr.errors import EventError, IotDrError
from iot_dr.observability.logs import Logger, logger
from iot_dr.runtime.environment import read
from iot_dr.services.events.provision_device import ProvisionDevice
from iot_dr.services.events.register_device import Registration, read_registration, register_devices


@dataclass(frozen=True)
class RegistrarEnvironment:
    """Variables of the registrar."""

    look_queue_url: str


def register_device_handler(environ: Mapping[str, str] = os.environ) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the registrar: a batch of the queue in, the IDs of unreadable messages out."""
    environment = read(RegistrarEnvironment, environ)
    workflow = SqsRequestQueues(client("sqs"), environment.look_queue_url)
    log = logger()

    def handle(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
        with processor(event["Records"], handler=_read(log)):
            processed = processor.process()
        registrations = [result for status, result, _ in processed if status == "success"]
        requests = register_devices(registrations, workflow)
        log.info(
            "requests queued", extra={"messages": len(processed), "looks": [str(request.key) for request in requests]}
        )
        answer: dict[str, Any] = dict(processor.response())
        return answer

    return handle


@dataclass(frozen=True)
class ProvisionerEnvironment:
    """Variables of the function that registers devices of the primary."""

    provisioning_template: str
    aws_region: str
    account_id: str


def provision_device_handler(
    environ: Mapping[str, str] = os.environ,
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the function: a batch of the queue in, the IDs of messages out whose devices could not be registered."""
    environment = read(ProvisionerEnvironment, environ)
    iot, log = client("iot"), logger()
    reader = IotRegistryReader(iot, environment.aws_region, environment.account_id)
    device = ProvisionDevice(reader.certificate, IotProvisioningTemplate(iot, environment.provisioning_template))

    def provision(record: SQSRecord) -> bool:
        certificate_id = ""
        try:
            certificate_id = read_registration(record.body).certificate_id
            registered = device.provision(certificate_id)
        except IotDrError as error:
            log.error(  # noqa: TRY400  # the reason is the whole story
                "device not registered; its message is tried again, and then kept in the dead-letter queue",
                extra={"message_id": record.message_id, "certificate": certificate_id, "reason": str(error)},
            )
            raise
        log.info("device registered" if registered else "nothing to register", extra={"certificate": certificate_id})
        return registered

    def handle(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
        with processor(event["Records"], handler=provision):
            processor.process()
        answer: dict[str, Any] = dict(processor.response())
        return answer

    return handle


def _read(log: Logger) -> Callable[[SQSRecord], Registration]:
    def registration(record: SQSRecord) -> Registration:
        try:
            return read_registration(record.body)
        except EventError as error:
            # The reason is the whole story; a traceback of the reader adds nothing to it.
            log.error(  # noqa: TRY400  # the reason is the whole story
                "message cannot be read; the dead-letter queue keeps it",
                extra={"message_id": record.message_id, "reason": str(error)},
            )
            raise

    return registration
