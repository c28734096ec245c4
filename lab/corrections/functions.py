"""Lambda's runtime."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from . import correction
from .patching import replace

_ENVIRONMENTS = 2 * (os.cpu_count() or 2)
_PATIENCE = 10.0
_DIED = "Worker process died"

_HANDLER_FAILED = (
    '_real_stdout.write(json.dumps({"status": "error", "error": str(e), "trace": traceback.format_exc()}) + "\\n")'
)
_HANDLER_FAILED_WITH_CLASS = (
    '_real_stdout.write(json.dumps({"status": "ok", "result": None, "raised": {'
    '"errorMessage": str(e), "errorType": type(e).__name__, "requestId": context.aws_request_id, '
    '"stackTrace": traceback.format_tb(e.__traceback__)}, "trace": traceback.format_exc()}) + "\\n")'
)


@correction("https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html")
def function_error_names_the_class() -> None:
    """errorType is the exception's class, by which Retry and Catch match, and the environment lives on after it."""
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(_HANDLER_FAILED) != 1:
        message = "the emulator's Python worker no longer reports a failed handler the way this correction replaces"
        raise LookupError(message)
    # Reported as an answer, because the emulator kills a worker that reports an error; turned back into one below.
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_HANDLER_FAILED, _HANDLER_FAILED_WITH_CLASS)

    execute, invoke = lambda_svc._execute_function_warm, lambda_runtime.Worker.invoke

    def execute_function_warm(func: dict[str, Any], event: Any, request_id: str) -> Any:
        result = execute(func, event, request_id)
        raised = result.get("body")
        if isinstance(raised, _Raised):
            return {"body": dict(raised.error), "error": True, "log": result.get("log", "")}
        return result

    def worker_invoke(self: Any, *args: Any, **kwargs: Any) -> Any:
        response = invoke(self, *args, **kwargs)
        if "raised" in response:
            log = "\n".join(filter(None, [response.get("log", ""), response.get("trace", "")]))
            return {**response, "result": _Raised(response["raised"]), "log": log}
        return response

    lambda_runtime.Worker.invoke = worker_invoke
    replace(execute, execute_function_warm)


@correction("https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html")
def function_that_dies_is_an_exit_error() -> None:
    """When an environment ends in the middle of a call, errorType is Runtime.ExitError, not the handler's own error."""
    execute = lambda_svc._execute_function_warm

    def execute_function_warm(func: dict[str, Any], event: Any, request_id: str) -> Any:
        result = execute(func, event, request_id)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and body.get("errorMessage") == _DIED:
            message = f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
            return {**result, "body": {"errorMessage": message, "errorType": "Runtime.ExitError"}}
        return result

    replace(execute, execute_function_warm)


@correction("https://aws.amazon.com/lambda/faqs/")
def invocation_outlives_an_update() -> None:
    """What a function does when it is updated, or when another of its environments dies, goes on; here all would end.

    A message that was being worked on would come again only when the time for which it is hidden is over.
    """
    invalidate, release = lambda_svc.invalidate_worker, lambda_svc.release_worker

    def invalidate_worker(func_name: str, qualifier: str | None = None, **more: Any) -> None:
        if qualifier is not None:  # else the function is deleted
            with lambda_runtime._lock:
                for key, workers in lambda_runtime._workers.items():
                    if key.split(":")[2:] == [func_name, qualifier]:
                        _retire_busy(workers)
        invalidate(func_name, qualifier, **more)

    def release_worker(worker: Any) -> None:
        release(worker)
        if getattr(worker, "lab_retired", False):
            lambda_runtime.kill_workers([worker])

    replace(invalidate, invalidate_worker)
    replace(release, release_worker)


def _retire_busy(workers: list[Any]) -> None:
    """Take those that are at work, or start for it, out of their pool: no later invocation gets them."""
    for worker in [one for one in workers if one.in_use and (one._proc is None or one._proc.poll() is None)]:
        worker.lab_retired = True
        workers.remove(worker)


class _Raised:
    """What a handler raised, on its way through the emulator's result."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.error = error


@correction("https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html")
def cold_starts_do_not_crowd_out_the_machine() -> None:
    """On AWS cold starts run beside each other; here a burst of them shares a few cores and takes many seconds.

    So beyond a few environments of one function an invocation waits a moment for one that is about to be free. Only a
    moment: a function that waits for itself gets the environment that AWS would give it.
    """
    acquire, release = lambda_svc.acquire_worker, lambda_svc.release_worker
    lock = threading.Lock()
    queues: dict[str, _Queue] = {}

    def crowded(key: str) -> bool:
        with lambda_runtime._lock:
            workers = lambda_runtime._workers.get(key, [])
            return len(workers) >= _ENVIRONMENTS and all(worker.in_use for worker in workers)

    def acquire_worker(
        func_name: str, config: dict[str, Any], code_zip: bytes, qualifier: str = "$LATEST", **more: Any
    ) -> Any:
        key = lambda_runtime._worker_key(func_name, config, qualifier)
        with lock:
            queue = queues.setdefault(key, _Queue(threading.Condition(lock)))
            queue.wait(lambda: crowded(key))
            worker, how = acquire(func_name, config, code_zip, qualifier=qualifier, **more)
        if worker is not None:
            worker.lab_queue = queue
        return worker, how

    def release_worker(worker: Any) -> None:
        release(worker)
        queue = getattr(worker, "lab_queue", None)
        if queue is not None:
            queue.released()

    replace(acquire, acquire_worker)
    replace(release, release_worker)


@dataclass
class _Queue:
    """The invocations that wait for one function; only the first is woken, a thousand would fight for the processor."""

    free: threading.Condition
    moved_at: float = 0.0

    def wait(self, crowded: Callable[[], bool]) -> None:
        """Wait as long as it is crowded and others end; an invocation that only others wait for gets its own.

        One at a time: on a busy machine nothing may end for as long, and all that wait would start at once.
        """
        self.moved_at = max(self.moved_at, time.monotonic()) if not crowded() else self.moved_at
        while crowded():
            woken = self.free.wait(_PATIENCE)
            if not woken and time.monotonic() - self.moved_at > _PATIENCE:
                self.moved_at = time.monotonic()
                return

    def released(self) -> None:
        """Let the next one in."""
        with self.free:
            self.moved_at = time.monotonic()
            self.free.notify()
