"""What the launcher tells the emulator's process, read from its environment."""

import json
import os
from pathlib import Path


def mqtt_sockets() -> dict[str, tuple[int, int]]:
    """Region -> (file descriptor of its bound MQTT socket, port)."""
    return {region: (fd, port) for region, (fd, port) in json.loads(os.environ["LAB_MQTT_SOCKETS"]).items()}


def fleet_sockets() -> dict[str, int]:
    """Region -> file descriptor of the bound socket to which the fleet's name leads when the Region serves."""
    return {region: int(fd) for region, fd in json.loads(os.environ["LAB_FLEET_SOCKETS"]).items()}


def gateway_socket() -> int:
    """File descriptor of the bound socket on which the emulator answers the AWS APIs."""
    return int(os.environ["LAB_GATEWAY_SOCKET"])


def lifeline() -> int:
    """File descriptor of a pipe that reaches its end when the process that started the emulator dies."""
    return int(os.environ["LAB_LIFELINE"])


def certificate_authority() -> Path:
    """Where to write the certificate of the authority that signs the MQTT listeners' certificates."""
    return Path(os.environ["LAB_CA_FILE"])


def without() -> list[str]:
    """Names of the corrections to leave out."""
    return [name for name in os.environ.get("LAB_WITHOUT", "").split(",") if name]


def tls_socket() -> tuple[int, int]:
    """File descriptor and port of the bound socket on which the emulator answers the AWS APIs over TLS."""
    fd, port = json.loads(os.environ["LAB_TLS_SOCKET"])
    return int(fd), int(port)


def tls_port() -> int:
    """Port of the TLS socket."""
    return tls_socket()[1]


def health_check_file() -> Path | None:
    """Where the lab's health checkers leave what they met; None where none can be."""
    named = os.environ.get("LAB_HEALTH_CHECK_FILE")
    return Path(named) if named else None


def type_deletion_seconds() -> float:
    """How long a thing type must have been deprecated before it can be deleted; AWS wants five minutes."""
    return float(os.environ.get("LAB_TYPE_DELETION_SECONDS", "300"))


def stream_reads_a_second() -> float | None:
    """How often a shard of a stream is read at most; without it, as often as there is something to read."""
    rate = os.environ.get("LAB_STREAM_READS_A_SECOND")
    return float(rate) if rate else None
