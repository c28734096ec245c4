"""The emulator's process, started by `lab.emulator` on the emulator's interpreter: corrects it, then serves."""

import asyncio
import functools
import logging
import os
import socket
import sys
from pathlib import Path
from typing import Any

# Run as a script so that no environment variable leads the Lambda functions, which inherit it, to the checkout.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from lab import environments, lifeline, service_models  # noqa: E402 - after the path is set
from lab.corrections import apply, settings  # noqa: E402 - as above
from lab.corrections.patching import replace  # noqa: E402 - as above
from lab.moment import Moment  # noqa: E402 - as above
from lab.switches import Switches  # noqa: E402 - as above

log = logging.getLogger("lab.server")


def certify() -> tuple[str, str]:
    """Publish the lab's authority, which functions and devices trust, and make the gateway's certificate."""
    from ministack.core.x509_utils import sign_leaf_certificate  # noqa: PLC0415 - imported once the process is guarded
    from ministack.services import iot  # noqa: PLC0415 - as above

    authority, authority_key = iot._ensure_ca()
    settings.certificate_authority().write_text(authority, encoding="ascii")
    certificate, key, _ = sign_leaf_certificate(
        authority,
        authority_key,
        common_name="localhost",
        san_dns=["localhost", "*.execute-api.localhost"],
        san_ips=["127.0.0.1"],
        key_type="ec256",
    )
    folder = Path(os.environ["TMPDIR"])
    certificate_file, key_file = folder / "gateway.crt", folder / "gateway.key"
    certificate_file.write_text(certificate, encoding="ascii")
    key_file.write_text(key, encoding="ascii")
    return str(certificate_file), str(key_file)


def parse_policies_once() -> None:
    """Keep what the emulator has parsed of a policy's text; it parses the caller's policies twice for each request.

    Nothing is answered otherwise. Under load this was a tenth of its processor.
    """
    from ministack.core import iam_evaluator  # noqa: PLC0415 - imported once the process is guarded, as the emulator is

    parse = iam_evaluator.parse_policy_document
    kept = functools.lru_cache(maxsize=1024)(parse)

    def parse_policy_document(document: Any) -> Any:
        return list(kept(document)) if isinstance(document, str) else parse(document)

    replace(parse, parse_policy_document)


def match_names_once() -> None:
    """Keep what the emulator has found out about a call's name; it tries every pattern anew for each request.

    Nothing is answered otherwise. Under load this was a tenth of its processor.
    """
    from ministack.core import iam_actions, iam_evaluator  # noqa: PLC0415 - as in parse_policies_once

    allowed, named = iam_evaluator._action_matches, iam_actions._match_rest_action

    @functools.lru_cache(maxsize=16384)
    def matches(action: str, actions: tuple[str, ...], not_actions: tuple[str, ...]) -> Any:
        return allowed(action, actions, not_actions)

    def _action_matches(request_action: str, actions: list[str], not_actions: list[str]) -> Any:
        return matches(request_action, tuple(actions), tuple(not_actions))

    @functools.lru_cache(maxsize=16384)
    def name_of(service: str, method: str, path: str) -> Any:
        return named(service, method, path, {})

    def _match_rest_action(service: str, method: str, path: str, query_params: Any = None) -> Any:
        # Only a query tells some operations of other services apart.
        return named(service, method, path, query_params) if query_params else name_of(service, method, path)

    replace(allowed, _action_matches)
    replace(named, _match_rest_action)


def read_expressions_once() -> None:
    """Keep how the emulator reads an expression of DynamoDB; it reads each letter by letter, up to four times a write.

    Nothing is answered otherwise. Under load this was a twentieth of its processor.
    """
    from ministack.services import dynamodb  # noqa: PLC0415 - as in parse_policies_once

    read = dynamodb._tokenize
    kept = functools.lru_cache(maxsize=4096)(read)

    def _tokenize(expr: str) -> Any:
        return list(kept(expr))

    replace(read, _tokenize)


def serve(certificate_file: str, key_file: str) -> None:
    """Serve the AWS APIs on the sockets that the parent bound, in the clear and over TLS, until SIGTERM.

    Nothing is answered otherwise than by the emulator's own server, which parses HTTP in Python: that was a third of
    what a call took of the processor.
    """
    # uvicorn is the emulator's alone, and imported once the process is guarded, as the emulator is.
    import uvicorn  # type: ignore[import-not-found] # noqa: PLC0415 - as in certify
    from ministack.app import app  # noqa: PLC0415 - as in certify

    application = Switches(Moment(app))

    def server(**more: Any) -> Any:
        return uvicorn.Server(
            uvicorn.Config(
                application,
                http="httptools",
                log_config=None,
                access_log=False,
                # The emulator writes both by itself, as AWS does.
                server_header=False,
                date_header=False,
                timeout_keep_alive=75,
                proxy_headers=False,
                **more,
            )
        )

    clear, tls = server(), server(lifespan="off", ssl_certfile=certificate_file, ssl_keyfile=key_file)

    async def serve_in_the_clear() -> None:
        await clear.serve([socket.socket(fileno=settings.gateway_socket())])

    async def serve_over_tls() -> None:
        await tls.serve([socket.socket(fileno=settings.tls_socket()[0])])
        clear.should_exit = True  # whoever asks to end is heard by the one that began last

    async def serve_both() -> None:
        await asyncio.gather(serve_in_the_clear(), serve_over_tls())

    asyncio.run(serve_both())


def main() -> None:
    """Guard the process, correct the emulator, serve."""
    lifeline.hold(settings.lifeline())
    applied = apply(without=settings.without())
    log.info("corrections applied: %s", ", ".join(applied) or "none")
    parse_policies_once()
    service_models.read_what_is_needed()
    match_names_once()
    read_expressions_once()
    environments.start_quickly(Path(os.environ["TMPDIR"]) / "unpacked")
    serve(*certify())


if __name__ == "__main__":
    main()
