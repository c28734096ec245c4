"""Start and stop the emulator that stands in for both Regions."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".lab"
PRIMARY_REGION = "us-east-1"
SECONDARY_REGION = "us-west-2"
REGIONS = (PRIMARY_REGION, SECONDARY_REGION)

_READY_SECONDS = 30
_BACKLOG = 512
_PORTS_TRIED = 20
_LOG_TAIL_LINES = 15


class LabError(Exception):
    """The test bed itself could not do what was asked; the message says what to do."""


def bind_loopback() -> socket.socket:
    """A listening socket on a free port of this machine only."""
    bound = _bound("127.0.0.1", 0)
    bound.listen(_BACKLOG)
    return bound


def bind_alike(addresses: Sequence[str]) -> list[socket.socket]:
    """A listening socket on each of these loopback addresses, all on one free port.

    A socket keeps a port that was asked for by its number while it does not listen: so a broker can be closed and
    opened again, and nobody takes its port meanwhile.
    """
    for _ in range(_PORTS_TRIED):
        with _bound(addresses[0], 0) as free, ExitStack() as found:
            try:
                bound = [found.enter_context(_bound(address, free.getsockname()[1])) for address in addresses]
            except OSError:
                continue  # the port is taken on one of the other addresses
            found.pop_all()
        for each in bound:
            each.listen(_BACKLOG)
        return bound
    message = f"no port is free on all of {', '.join(addresses)}"
    raise LabError(message)


def _bound(address: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit it; without it small answers wait for the peer's delayed acknowledgement.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound


class Emulator:
    """The emulator as a child process on free ports of this machine's loopback, gone with its parent whatever happens.

    The parent binds the sockets and hands them over, so no other process can take a port in between. `environ` is added
    to the server's environment, which Lambda functions inherit: this is how they reach a proxy in front of an API.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        regions: tuple[str, ...] = REGIONS,
        without: Collection[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._exit = ExitStack()
        self.folder = folder if folder is not None else self._own_folder()
        self.regions = regions
        self._without = tuple(without)
        self._environ = dict(environ or {})
        self._gateway = bind_loopback()
        self._tls = bind_loopback()
        self._mqtt = {region: bind_alike(["127.0.0.1"])[0] for region in regions}
        # The fleet's name leads to one of these addresses, and no name carries a port: so all have the same.
        fleet = bind_alike([f"127.0.1.{number}" for number, _ in enumerate(regions, 1)])
        self._fleet = dict(zip(regions, fleet, strict=True))
        self.port: int = self._gateway.getsockname()[1]
        self.tls_port: int = self._tls.getsockname()[1]
        self.mqtt_ports: dict[str, int] = {region: bound.getsockname()[1] for region, bound in self._mqtt.items()}
        self.fleet_addresses: dict[str, str] = {region: bound.getsockname()[0] for region, bound in self._fleet.items()}
        self.fleet_port: int = fleet[0].getsockname()[1]
        with bind_loopback() as spare:  # bound by the emulator itself, and only where that is left uncorrected
            self.uncorrected_mqtt_port: int = spare.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint_url(self) -> str:
        """The address in the clear; one answers for every service and Region."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_endpoint_url(self) -> str:
        """The same over TLS, which policies may ask for as AWS's own endpoints offer nothing else."""
        return f"https://localhost:{self.tls_port}"

    @property
    def ca_file(self) -> Path:
        """Certificate authority of the MQTT listeners; SSL_CERT_FILE of whatever connects to them."""
        return self.folder / "iot-ca.pem"

    @property
    def health_check_file(self) -> Path:
        """What health checkers met, which the emulator tells as GetHealthCheckStatus."""
        return self.folder / "health-checks.json"

    @property
    def log_file(self) -> Path:
        """What the emulator printed."""
        return self.folder / "emulator.log"

    @property
    def pid(self) -> int | None:
        """Process ID, which is the ID of the process group too; None when not running."""
        return self._process.pid if self._process else None

    def client(
        self,
        service: str,
        region: str = PRIMARY_REGION,
        *,
        key_id: str = "test",
        secret: str = "test",
        config: Config | None = None,
    ) -> Any:
        """A boto3 client in the clear, of the lab's own root user unless keys are given; who asks for it closes it."""
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=config,
        )

    def client_environ(self) -> dict[str, str]:
        """Environment of a program that shall talk to this emulator as if it were AWS, with the lab's own root user."""
        return {
            "AWS_ENDPOINT_URL": self.tls_endpoint_url,
            "AWS_CA_BUNDLE": str(self.ca_file),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": self.regions[0],
            "SSL_CERT_FILE": str(self.ca_file),
        }

    def start(self) -> None:
        """Start the process and return when it answers and the MQTT listeners are up."""
        interpreter = ROOT / ".venv-emulator" / "bin" / "python"
        if not interpreter.exists():
            message = f"{interpreter.relative_to(ROOT)} is missing; run: make setup"
            raise LabError(message)
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.mkdtemp(prefix="tmp-", dir=self.folder)
        self._exit.callback(shutil.rmtree, scratch, ignore_errors=True)
        lifeline_read, lifeline_write = os.pipe()
        self._exit.callback(os.close, lifeline_write)
        sockets = (self._gateway, self._tls, *self._mqtt.values(), *self._fleet.values())
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [interpreter, ROOT / "lab" / "server.py"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=scratch,
                env=self._server_environ(scratch, lifeline_read),
                pass_fds=[lifeline_read, *(bound.fileno() for bound in sockets)],
                start_new_session=True,  # a process group of its own: stopping reaches the Lambda workers too
            )
        self._exit.callback(self._end_process)
        os.close(lifeline_read)
        for bound in sockets:
            bound.close()
        self._await_ready()

    def stop(self) -> None:
        """End the process group by its own handle and remove its temporary folder; safe to call twice."""
        self._exit.close()

    def _own_folder(self) -> Path:
        """A folder that goes with the emulator, for whoever names none."""
        STATE.mkdir(exist_ok=True)
        folder = tempfile.mkdtemp(prefix="emulator-", dir=STATE)
        self._exit.callback(shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def _server_environ(self, scratch: str, lifeline: int) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in os.environ}
        sockets = {region: (bound.fileno(), self.mqtt_ports[region]) for region, bound in self._mqtt.items()}
        return {
            **inherited,
            "HOME": scratch,
            "TMPDIR": scratch,
            "PYTHONUNBUFFERED": "1",
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "localhost",
            "IOT_MTLS_ENABLED": "1",
            "IOT_MTLS_PORT": str(self.uncorrected_mqtt_port),
            "SFTP_ENABLED": "0",
            "AUTH": "true",
            "LAB_GATEWAY_SOCKET": str(self._gateway.fileno()),
            "LAB_TLS_SOCKET": json.dumps([self._tls.fileno(), self.tls_port]),
            "LAB_MQTT_SOCKETS": json.dumps(sockets),
            "LAB_FLEET_SOCKETS": json.dumps({region: bound.fileno() for region, bound in self._fleet.items()}),
            "LAB_LIFELINE": str(lifeline),
            "LAB_CA_FILE": str(self.ca_file),
            "LAB_HEALTH_CHECK_FILE": str(self.health_check_file),
            "LAB_WITHOUT": ",".join(self._without),
            # The functions inherit these; Python's default TLS context honours the first, botocore the second.
            "SSL_CERT_FILE": str(self.ca_file),
            "AWS_CA_BUNDLE": str(self.ca_file),
            "AWS_ENDPOINT_URL": self.tls_endpoint_url,
            # One address answers for every service, so no operation has a host of its own, as StartSyncExecution has.
            # https://docs.aws.amazon.com/sdkref/latest/guide/feature-host-prefix.html
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            **self._environ,
        }

    def _await_ready(self) -> None:
        """Poll the emulator's readiness address with growing pauses; it covers the MQTT listeners too."""
        deadline = time.monotonic() + _READY_SECONDS
        pause = 0.02
        while not self._answers():
            if self._process is not None and self._process.poll() is not None:
                self._fail(f"the emulator ended with status {self._process.returncode}")
            if time.monotonic() > deadline:
                self._fail(f"the emulator did not answer within {_READY_SECONDS} s")
            self._process_wait(pause)
            pause = min(pause * 1.5, 0.5)

    def _process_wait(self, seconds: float) -> None:
        """Wait, but no longer than the process lives."""
        assert self._process is not None
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint_url}/_ministack/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def _fail(self, what: str) -> None:
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        self.stop()
        message = "\n".join([f"{what}; the end of {self.log_file}:", *lines])
        raise LabError(message)

    def _end_process(self) -> None:
        """Kill the group, Lambda workers too, at once.

        Asked to end, the emulator waits for connections that clients and functions keep open; it holds nothing to save.
        """
        process, self._process = self._process, None
        assert process is not None
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def main() -> None:
    """Run an emulator in the foreground until interrupted: `python -m lab.emulator`, for experiments."""
    with Emulator() as emulator:
        for name, value in emulator.client_environ().items():
            sys.stdout.write(f"export {name}={value}\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
