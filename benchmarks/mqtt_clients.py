"""Time one MQTT round trip with paho-mqtt and with awscrt, cold and warm, against the lab's mutual-TLS listener.

A round trip is what the health check makes: TLS with client certificate, CONNECT, SUBSCRIBE, PUBLISH, receive,
DISCONNECT, on a new connection each time. Cold is the first one of a fresh interpreter, with the import. awscrt is not
a dependency of the product: it is installed into a temporary virtual environment for the run.

    python -m benchmarks.mqtt_clients [--processes 10] [--warm 20]
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
import venv
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

AWSCRT = "awscrt==0.38.0"
TIMEOUT_SECONDS = 10.0


def paho_round_trip() -> Callable[[str, dict[str, str]], None]:
    """Import what the product ships and return its round trip."""
    from iot_dr.aws.devices.mqtt import IotMqttProbe  # noqa: PLC0415  # the import is what is measured
    from iot_dr.model.launch.probes import ProbeCredentials  # noqa: PLC0415  # as above

    def round_trip(endpoint: str, credentials: dict[str, str]) -> None:
        nonce = uuid.uuid4().hex
        assert IotMqttProbe(endpoint).round_trip(ProbeCredentials(**credentials), nonce, TIMEOUT_SECONDS) == nonce

    return round_trip


def awscrt_round_trip() -> Callable[[str, dict[str, str]], None]:
    """Import awscrt and return the same round trip with it."""
    from awscrt import io, mqtt  # noqa: PLC0415  # the import is what is measured

    def round_trip(endpoint: str, credentials: dict[str, str]) -> None:
        host, _, port = endpoint.partition(":")
        unique = uuid.uuid4().hex
        topic = f"{credentials['thing_name']}/{unique}"
        received: Future[bytes] = Future()
        options = io.TlsContextOptions.create_client_with_mtls(
            credentials["certificate_pem"].encode(), credentials["private_key"].encode()
        )
        options.override_default_trust_store(Path(os.environ["SSL_CERT_FILE"]).read_bytes())
        client = mqtt.Client(io.ClientBootstrap.get_or_create_static_default(), io.ClientTlsContext(options))
        connection = mqtt.Connection(client, host, int(port or 8883), f"{credentials['thing_name']}-{unique}")
        connection.connect().result(TIMEOUT_SECONDS)

        def receive(payload: bytes, **_more: Any) -> None:
            received.set_result(payload)

        connection.subscribe(topic, mqtt.QoS.AT_LEAST_ONCE, receive)[0].result(TIMEOUT_SECONDS)
        connection.publish(topic, unique, mqtt.QoS.AT_LEAST_ONCE)
        assert received.result(TIMEOUT_SECONDS) == unique.encode()
        connection.disconnect().result(TIMEOUT_SECONDS)

    return round_trip


CLIENTS = {"paho-mqtt": paho_round_trip, "awscrt": awscrt_round_trip}
PACKAGES = {"paho-mqtt": ("paho",), "awscrt": ("awscrt", "_awscrt*")}


def measure(name: str, warm: int) -> None:
    """Run in the child: print the milliseconds of the import, of the first round trip and of each further one."""
    job = json.load(sys.stdin)
    times = [time.perf_counter()]
    round_trip = CLIENTS[name]()
    times.append(time.perf_counter())
    for _ in range(1 + warm):
        round_trip(job["endpoint"], job["credentials"])
        times.append(time.perf_counter())
    steps = [1000 * (end - start) for start, end in itertools.pairwise(times)]
    size = sum(
        file.stat().st_size
        for folder in map(Path, sys.path)
        for pattern in PACKAGES[name]
        for match in folder.glob(pattern)
        for file in ([match] if match.is_file() else match.rglob("*"))
        if file.is_file() and file.suffix != ".pyc"
    )
    print(json.dumps({"import": steps[0], "first": steps[1], "warm": steps[2:], "bytes": size}))


def child(interpreter: Path, name: str, warm: int, job: str) -> dict[str, Any]:
    """Measure in a fresh interpreter; `process` is its whole life up to the answer, as the parent sees it."""
    command = [str(interpreter), __file__, "--measure", name, "--warm", str(warm)]
    start = time.perf_counter()
    answer = subprocess.run(command, input=job, capture_output=True, text=True, check=True)
    process = 1000 * (time.perf_counter() - start)
    figures: dict[str, Any] = json.loads(answer.stdout)
    return {**figures, "process": process}


def interpreter_with_awscrt(folder: Path) -> Path:
    """Make a virtual environment that holds awscrt and nothing else."""
    venv.create(folder, with_pip=True)
    interpreter = folder / "bin" / "python"
    subprocess.run([interpreter, "-m", "pip", "install", "--quiet", AWSCRT], check=True)
    return interpreter


def compare(processes: int, warm: int, scratch: Path) -> None:
    """Start the lab's emulator, give a device an identity there, and print one line per client."""
    from iot_dr.aws import clients  # noqa: PLC0415  # absent from the child's environment
    from iot_dr.aws.devices.probe_things import IotProbeThings  # noqa: PLC0415  # as above
    from iot_dr.aws.secrets import SecretsManagerCredentialStore  # noqa: PLC0415  # as above
    from iot_dr.services.launch.provision_probe import ProvisionProbe  # noqa: PLC0415  # as above
    from lab.emulator import Emulator  # noqa: PLC0415  # as above

    interpreters = {"paho-mqtt": Path(sys.executable), "awscrt": interpreter_with_awscrt(scratch / "awscrt")}
    with Emulator(scratch / "emulator") as emulator:
        os.environ.update(emulator.client_environ())
        secrets = clients.client("secretsmanager")
        store = SecretsManagerCredentialStore(secrets, secrets.create_secret(Name="probe", SecretString="{}")["ARN"])
        probe = ProvisionProbe(IotProbeThings(clients.client("iot")), store).provision("iot-dr-probe-benchmark")
        job = json.dumps({"endpoint": probe.endpoint, "credentials": json.loads(store.read() or "")})
        print(f"{'client':<10}{'size':>9}{'import':>9}{'first':>9}{'cold':>9}{'warm':>9}{'warm p95':>10}   (medians)")
        for name, interpreter in interpreters.items():
            child(interpreter, name, 0, job)  # compiles the modules, as a Lambda layer's are not compiled anew either
            runs = [child(interpreter, name, 0, job) for _ in range(processes)]
            again = child(interpreter, name, warm, job)["warm"]
            print(_row(name, runs, again))


def _row(name: str, runs: list[dict[str, Any]], warm: list[float]) -> str:
    megabytes = runs[0]["bytes"] / 1e6
    medians = [statistics.median(run[column] for run in runs) for column in ("import", "first", "process")]
    p95 = statistics.quantiles(warm, n=20)[-1]
    cells = "".join(f"{value:>6.0f} ms" for value in medians)
    return f"{name:<10}{megabytes:>6.1f} MB{cells}{statistics.median(warm):>6.1f} ms{p95:>7.1f} ms"


def main() -> None:
    """Read the options; `--measure` is how the parent calls its children."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--processes", type=int, default=10, help="fresh interpreters per client (default 10)")
    parser.add_argument("--warm", type=int, default=20, help="further round trips in one process (default 20)")
    parser.add_argument("--measure", choices=CLIENTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.warm)
        return
    with tempfile.TemporaryDirectory(prefix="mqtt-clients-") as scratch:
        compare(options.processes, options.warm, Path(scratch))


if __name__ == "__main__":
    main()
