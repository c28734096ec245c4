#!/usr/bin/env python3
"""A device with two shadows: it reports into its classic and one named shadow, reads both back and prints them as JSON.

It connects by MQTT with mutual TLS and speaks to the shadow service through the AWS IoT Device SDK. Its certificate is
good for any Region where it is registered, so another --endpoint is all that a failover asks of it.

    shadow_device.py --endpoint ENDPOINT --cert-file FILE --key-file FILE --thing-name pump-17 \\
        --report '{"temperature": 21.5}' --report-named '{"interval": 60}'

Exit codes: 0 as asked, 1 the endpoint or the shadow service refused or did not answer, 2 a wrong option.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from awscrt import mqtt5
from awscrt.exceptions import AwsCrtError
from awscrt.mqtt_request_response import ClientOptions
from awsiot import V2ServiceException, mqtt5_client_builder
from awsiot.iotshadow import (
    GetNamedShadowRequest,
    GetShadowRequest,
    IotShadowClientV2,
    ShadowState,
    UpdateNamedShadowRequest,
    UpdateShadowRequest,
)

NOT_FOUND = 404


@dataclass(frozen=True)
class Credentials:
    """Files that prove the device to AWS IoT, and AWS IoT to the device.

    Attributes:
        ca_file: authority of the endpoint's certificate; None for the one that AWS uses, from the system's store.
    """

    cert_file: Path
    key_file: Path
    ca_file: Path | None = None


class Refused(Exception):
    """The endpoint or the shadow service did not do what the device asked for."""


class ShadowDevice:
    """A thing's own connection to the shadow service of one Region, for the length of a `with` block.

    Once connected, the client reconnects by itself, after pauses that grow and differ from device to device.
    """

    def __init__(self, thing_name: str, endpoint: str, port: int, credentials: Credentials, timeout: int = 10) -> None:
        self._thing = thing_name
        self._timeout = timeout
        self._connected: Future[None] = Future()
        self._stopped: Future[None] = Future()
        try:
            self._mqtt = mqtt5_client_builder.mtls_from_path(
                endpoint=endpoint,
                port=port,
                cert_filepath=str(credentials.cert_file),
                pri_key_filepath=str(credentials.key_file),
                ca_filepath=str(credentials.ca_file) if credentials.ca_file else None,
                client_id=thing_name,  # AWS's example policies let a device connect under no other
                keep_alive_interval_sec=60,
                on_lifecycle_connection_success=self._on_connected,
                on_lifecycle_connection_failure=self._on_failed,
                on_lifecycle_stopped=self._on_stopped,
            )
        except RuntimeError as error:  # so the SDK says that what is in the files is no use
            raise Refused(f"certificate, key or authority cannot be used: {error}") from error

    def connect(self) -> None:
        """Connect and return when the endpoint has accepted the device."""
        self._mqtt.start()
        try:
            self._connected.result(self._timeout)
        except (AwsCrtError, TimeoutError) as error:
            self._mqtt.stop()  # not waited for: an attempt under way ends by its own time-out
            raise Refused(f"cannot connect: {str(error) or 'no answer'}") from error
        options = ClientOptions(
            max_request_response_subscriptions=4,  # an update and a get, of two shadows
            max_streaming_subscriptions=2,
            operation_timeout_in_seconds=self._timeout,  # so every answer comes or fails, and can be waited for
        )
        self._shadows = IotShadowClientV2(self._mqtt, options)

    def disconnect(self) -> None:
        """Disconnect and return when the client has stopped."""
        self._mqtt.stop()
        self._stopped.result(self._timeout)

    def report(self, values: Mapping[str, Any], shadow: str | None = None) -> None:
        """Merge values into what a shadow has as reported; None takes a key away, no name means the classic shadow."""
        state = ShadowState(reported=dict(values))
        if shadow is None:
            request = UpdateShadowRequest(thing_name=self._thing, state=state)
            self._shadows.update_shadow(request).result()
        else:
            named = UpdateNamedShadowRequest(thing_name=self._thing, shadow_name=shadow, state=state)
            self._shadows.update_named_shadow(named).result()

    def read(self, shadow: str | None = None) -> dict[str, Any] | None:
        """Return `desired`, `reported` and `version` of a shadow; None if there is no such shadow."""
        try:
            if shadow is None:
                found = self._shadows.get_shadow(GetShadowRequest(thing_name=self._thing)).result()
            else:
                named = GetNamedShadowRequest(thing_name=self._thing, shadow_name=shadow)
                found = self._shadows.get_named_shadow(named).result()
        except V2ServiceException as error:
            if error.modeled_error is not None and error.modeled_error.code == NOT_FOUND:
                return None
            raise
        sections = {"desired": found.state.desired, "reported": found.state.reported} if found.state else {}
        return {**{name: values for name, values in sections.items() if values}, "version": found.version}

    def _on_connected(self, _data: mqtt5.LifecycleConnectSuccessData) -> None:
        if not self._connected.done():
            self._connected.set_result(None)

    def _on_failed(self, data: mqtt5.LifecycleConnectFailureData) -> None:
        if not self._connected.done():
            self._connected.set_exception(data.exception)

    def _on_stopped(self, _data: mqtt5.LifecycleStoppedData) -> None:
        self._stopped.set_result(None)

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disconnect()


def readable(text: str) -> Path:
    """Return the path of an option's text, if it is a file that can be read."""
    try:
        with Path(text).open("rb"):
            return Path(text)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot read {text}: {error.strerror}") from error


def values(text: str) -> dict[str, Any]:
    """Return the JSON object of an option's text."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError('is not an object such as {"temperature": 21.5}')
    return found


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    what, _, example = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=what, epilog=example, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--endpoint", required=True, help="host of the Region's endpoint (iot:Data-ATS)")
    parser.add_argument("--port", type=int, default=8883, help="port for MQTT with mutual TLS (default: %(default)s)")
    parser.add_argument("--ca-file", type=readable, help="authority of the endpoint, PEM (default: the system's store)")
    parser.add_argument("--cert-file", type=readable, required=True, help="the device's certificate, PEM")
    parser.add_argument("--key-file", type=readable, required=True, help="its private key, PEM")
    parser.add_argument("--thing-name", required=True, help="the thing, which is the client's ID too")
    parser.add_argument("--shadow", default="config", help="name of the named shadow (default: %(default)s)")
    parser.add_argument("--report", type=values, metavar="JSON", help="what to report into the classic shadow")
    parser.add_argument("--report-named", type=values, metavar="JSON", help="what to report into the named shadow")
    parser.add_argument("--timeout", type=int, default=10, help="seconds to wait for an answer (default: %(default)s)")
    return parser.parse_args(arguments)


def main() -> int:
    """Run the device once, as the options say."""
    given = options()
    credentials = Credentials(given.cert_file, given.key_file, given.ca_file)
    try:
        with ShadowDevice(given.thing_name, given.endpoint, given.port, credentials, given.timeout) as device:
            if given.report is not None:
                device.report(given.report)
            if given.report_named is not None:
                device.report(given.report_named, given.shadow)
            shadows = {"classic": device.read(), "named": {given.shadow: device.read(given.shadow)}}
    except (Refused, V2ServiceException) as error:
        sys.stderr.write(f"error: {_reason(error)}\n")
        return 1
    json.dump(shadows, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
    return 0


def _reason(error: Refused | V2ServiceException) -> str:
    """Say what the service said; the SDK keeps that apart from the exception's own text."""
    if isinstance(error, Refused):
        return str(error)
    told = error.modeled_error.message if error.modeled_error is not None else error.inner_error
    return f"{error.message}: {told}"


if __name__ == "__main__":
    sys.exit(main())
