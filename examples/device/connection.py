"""A connection by MQTT 5 and mutual TLS, through the AWS IoT Device SDK."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from awscrt import mqtt5
from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpProxyConnectionType, HttpProxyOptions
from awscrt.io import ClientBootstrap, DefaultHostResolver, EventLoopGroup
from awsiot import mqtt5_client_builder

from .events import Acknowledged, Connected, Disconnected, Event, NotAcknowledged, NotSubscribed, Received, Subscribed
from .outbox import Message

REFUSED = 128
"""Reason codes from here on are refusals, in every packet of MQTT 5."""

CLOSE_SECONDS = 10.0


class Unusable(Exception):
    """Certificate, key or authority cannot be used."""


@dataclass(frozen=True)
class Settings:
    """How a device connects, the same in every Region.

    Attributes:
        client_id: the thing's name; AWS's example policies let a device connect under no other.
        topic: where its messages go.
        ca_file: authority of the server's certificate; None for the system's store.
        proxy: host and port of an HTTP proxy that takes CONNECT; None for a direct connection.
        keep_alive: seconds; the server drops a silent device after one and a half times as many.
    """

    client_id: str
    topic: str
    cert_file: Path
    key_file: Path
    ca_file: Path | None = None
    port: int = 8883
    proxy: tuple[str, int] | None = None
    keep_alive: int = 30


class SdkConnection:
    """One client of the SDK, which connects and reconnects until it is closed."""

    def __init__(self, number: int, host: str, settings: Settings, post: Callable[[Event], None]) -> None:
        self._number, self._topic, self._post = number, settings.topic, post
        self._stopped = threading.Event()
        try:
            self._client = self._built(host, settings)
        except RuntimeError as error:  # so the SDK says that what is in the files is no use
            raise Unusable(str(error)) from error
        self._client.start()

    def _built(self, host: str, settings: Settings) -> mqtt5.Client:
        proxy = settings.proxy
        return mqtt5_client_builder.mtls_from_path(
            endpoint=host,
            port=settings.port,
            cert_filepath=str(settings.cert_file),
            pri_key_filepath=str(settings.key_file),
            ca_filepath=str(settings.ca_file) if settings.ca_file else None,
            client_id=settings.client_id,
            client_bootstrap=_fresh_bootstrap(),
            http_proxy_options=HttpProxyOptions(*proxy, connection_type=HttpProxyConnectionType.Tunneling)
            if proxy
            else None,
            keep_alive_interval_sec=settings.keep_alive,
            ping_timeout_ms=settings.keep_alive * 1000 // 3,
            # Sessions are of one Region, so the device neither counts on one nor leaves one behind.
            session_behavior=mqtt5.ClientSessionBehaviorType.CLEAN,
            # The outbox alone knows what must be sent again; the SDK's queue ends with its client.
            offline_queue_behavior=mqtt5.ClientOperationQueueBehaviorType.FAIL_ALL_ON_DISCONNECT,
            retry_jitter_mode=mqtt5.ExponentialBackoffJitterMode.FULL,
            min_reconnect_delay_ms=1_000,
            max_reconnect_delay_ms=120_000,
            ack_timeout_sec=30,
            on_lifecycle_connection_success=self._on_connected,
            on_lifecycle_connection_failure=self._on_failed,
            on_lifecycle_disconnection=self._on_disconnected,
            on_lifecycle_stopped=self._on_stopped,
            on_publish_received=self._on_received,
        )

    def subscribe(self, topics: tuple[str, ...]) -> None:
        """Ask for these topics with QoS 1."""
        wanted = [mqtt5.Subscription(topic_filter=topic, qos=mqtt5.QoS.AT_LEAST_ONCE) for topic in topics]
        answer = self._client.subscribe(mqtt5.SubscribePacket(subscriptions=wanted))
        answer.add_done_callback(partial(self._on_subscribed, topics))

    def publish(self, message: Message) -> None:
        """Send with QoS 1."""
        packet = mqtt5.PublishPacket(topic=self._topic, payload=message.payload, qos=mqtt5.QoS.AT_LEAST_ONCE)
        self._client.publish(packet).add_done_callback(partial(self._on_published, message.sequence))

    def close(self) -> None:
        """Disconnect in order, so that no last will is published, and return when the client has stopped."""
        self._client.stop()
        self._stopped.wait(CLOSE_SECONDS)  # an attempt to connect that is under way ends by its own time-out

    def _on_connected(self, _data: mqtt5.LifecycleConnectSuccessData) -> None:
        self._post(Connected(self._number))

    def _on_failed(self, data: mqtt5.LifecycleConnectFailureData) -> None:
        self._post(Disconnected(self._number, f"cannot connect: {data.exception}"))

    def _on_disconnected(self, data: mqtt5.LifecycleDisconnectData) -> None:
        self._post(Disconnected(self._number, str(data.exception)))

    def _on_stopped(self, _data: mqtt5.LifecycleStoppedData) -> None:
        self._stopped.set()

    def _on_received(self, data: mqtt5.PublishReceivedData) -> None:
        packet = data.publish_packet
        self._post(Received(packet.topic, bytes(packet.payload or b""), retained=bool(packet.retain)))

    def _on_subscribed(self, topics: tuple[str, ...], answer: Future[mqtt5.SubackPacket]) -> None:
        try:
            codes = answer.result().reason_codes
        except AwsCrtError as error:
            self._post(NotSubscribed(self._number, str(error)))
            return
        refused = tuple(topic for topic, code in zip(topics, codes, strict=True) if _refuses(code))
        self._post(Subscribed(self._number, refused))

    def _on_published(self, sequence: int, answer: Future[mqtt5.PublishCompletionData]) -> None:
        try:
            code = answer.result().puback.reason_code
        except AwsCrtError as error:
            self._post(NotAcknowledged(self._number, sequence, str(error)))
            return
        refused = NotAcknowledged(self._number, sequence, f"refused: {code}")
        self._post(refused if _refuses(code) else Acknowledged(sequence))


def _refuses(code: int | None) -> bool:
    """Tell whether a reason code is a refusal; the SDK gives None for one that it does not know."""
    return code is None or code >= REFUSED


def _fresh_bootstrap() -> ClientBootstrap:
    """Make a resolver of its own for each connection: the SDK's shared one answers with addresses up to 30 s old."""
    loops = EventLoopGroup.get_or_create_static_default()
    return ClientBootstrap(loops, DefaultHostResolver(loops))
