"""A device that follows its fleet's name: it sends a message every second, and fails over and back by DNS alone.

    python -m device --name iot.example.com --thing-name pump-17 --cert-file FILE --key-file FILE --move-within 60

It prints what it does, one JSON object a line. SIGTERM and Ctrl-C stop it.

Exit codes: 0 stopped, and the server has every message; 1 stopped with messages that the server has not acknowledged,
or the certificate or key cannot be used; 2 a wrong option.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import math
import signal
import sys
import time
import uuid
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from .connection import SdkConnection, Settings, Unusable
from .device import Device, Habits, Surroundings, Topics
from .events import Event, Stop
from .fleet_name import FleetName
from .moving import Pace
from .outbox import Outbox


def readable(text: str) -> Path:
    """Return the path of an option's text, if it is a file that can be read."""
    try:
        with Path(text).open("rb"):
            return Path(text)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot read {text}: {error.strerror}") from error


def seconds(text: str) -> float:
    """Return a number of seconds that is not negative."""
    try:
        found = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"is no number: {text}") from error
    if not 0 <= found < math.inf:
        raise argparse.ArgumentTypeError(f"is no number of seconds: {text}")
    return found


def some_seconds(text: str) -> float:
    """Return a number of seconds above zero."""
    found = seconds(text)
    if not found:
        raise argparse.ArgumentTypeError("must be more than 0 seconds")
    return found


def number(text: str) -> int:
    """Return a whole number above zero."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"is no number above 0: {text}")
    return int(text)


def address(text: str) -> tuple[str, int]:
    """Return host and port of HOST:PORT."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"is not HOST:PORT: {text}")
    return host.strip("[]"), int(port)


def name_server(text: str) -> tuple[str, int]:
    """Return address and port of a name server; a name would have to be resolved first."""
    host, port = address(text)
    try:
        return str(ipaddress.ip_address(host)), port
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"is not ADDRESS:PORT: {text}") from error


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    what, _, example = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m device",
        description=what,
        epilog=example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--name", required=True, help="the fleet's name in DNS, a CNAME with one target in each Region")
    add("--port", type=number, default=8883, help="port for MQTT with mutual TLS (default: %(default)s)")
    add("--thing-name", required=True, help="the thing, which is the client's ID too")
    add("--cert-file", type=readable, required=True, help="the device's certificate, PEM")
    add("--key-file", type=readable, required=True, help="its private key, PEM")
    add("--ca-file", type=readable, help="authority of the server's certificate, PEM (default: the system's store)")
    add("--every", type=some_seconds, default=1.0, help="seconds between two messages (default: %(default)s)")
    add("--keep", type=number, default=1000, help="messages to keep that wait for the server (default: %(default)s)")
    add("--keep-alive", type=number, default=30, help="seconds of MQTT's keep alive (default: %(default)s)")
    add(
        "--look-every",
        type=some_seconds,
        default=30.0,
        help="seconds between two looks, +- 20 %% (default: %(default)s)",
    )
    add(
        "--move-within",
        type=seconds,
        default=60.0,
        help="seconds over which the fleet's moves spread; at least the number of devices divided by half of the "
        "account's quota of CONNECT requests per second (default: %(default)s)",
    )
    add(
        "--hint-topic",
        default="iot-dr/hint",
        help="a message here asks to connect again; an empty text for none (default: %(default)s)",
    )
    add(
        "--connect-to",
        choices=("name", "target"),
        default="name",
        help="connect to the name itself, which needs a custom domain in each Region, or to the target of the CNAME "
        "(default: %(default)s)",
    )
    add("--name-server", type=name_server, metavar="ADDRESS:PORT", help="name server to ask (default: the system's)")
    add("--proxy", type=address, metavar="HOST:PORT", help="HTTP proxy that takes CONNECT (default: none)")
    return parser.parse_args(arguments)


def tell(event: str, **values: Any) -> None:
    """Print what happens, with the time in milliseconds since 1970."""
    told = {"at": round(time.time() * 1000), "event": event, **values}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def measured() -> dict[str, Any]:
    """Return what a real device would measure."""
    return {"at": round(time.time() * 1000)}


def made(given: argparse.Namespace, events: SimpleQueue[Event]) -> Device:
    """Return the device that the options describe."""
    settings = Settings(
        client_id=given.thing_name,
        topic=f"devices/{given.thing_name}/data",
        cert_file=given.cert_file,
        key_file=given.key_file,
        ca_file=given.ca_file,
        port=given.port,
        proxy=given.proxy,
        keep_alive=given.keep_alive,
    )
    habits = Habits(
        host=given.name if given.connect_to == "name" else None,
        topics=Topics(commands=f"devices/{given.thing_name}/commands", hint=given.hint_topic or None),
        pace=Pace(look_every=given.look_every, within=given.move_within),
        every=given.every,
    )
    outside = Surroundings(
        connect=partial(SdkConnection, settings=settings, post=events.put),
        look=FleetName(given.name, given.name_server).target,
        measure=measured,
        tell=tell,
    )
    return Device(habits, outside, Outbox(given.thing_name, run=uuid.uuid4().hex, keep=given.keep))


def main() -> int:
    """Run the device until it is told to stop."""
    given = options()
    events: SimpleQueue[Event] = SimpleQueue()  # the one queue that a signal's handler may put into
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: events.put(Stop()))
    try:
        left = made(given, events).run(events)
    except Unusable as error:
        sys.stderr.write(f"error: certificate, key or authority cannot be used: {error}\n")
        return 1
    tell("stopped", not_acknowledged=left)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
