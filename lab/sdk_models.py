"""The SDK's models of the services that functions call, read once, by the process that all environments are forks of.

A session keeps what it has read for itself, so each environment would read the same megabytes of JSON. Imported there
and nowhere else, on the emulator's interpreter.
"""

import botocore.loaders
import botocore.session

_SERVICES = ("iot", "iot-data", "dynamodb", "sqs", "stepfunctions", "lambda", "s3", "secretsmanager", "cloudwatch")

_create_loader = botocore.loaders.create_loader
_shared = _create_loader()


def _loader(search_path_string: str | None = None) -> botocore.loaders.Loader:
    return _create_loader(search_path_string) if search_path_string else _shared


botocore.session.create_loader = _loader
for _service in _SERVICES:
    # As a client does, without one: that would read the environment's settings.
    _shared.load_service_model(_service, "service-2")
    _shared.load_service_model(_service, "endpoint-rule-set-1")
for _name in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
    _shared.load_data(_name)
