"""CloudWatch: what AWS's services measure of themselves."""

import time
from typing import Any

from ministack.services import acm, apigateway, cloudwatch, sqs, stepfunctions

from lab.corrections import correction
from lab.corrections.patching import replace

_DAY = 86_400


@correction("https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html")
def services_measure_themselves() -> None:
    """Queues, executions, APIs and server certificates are measured; the emulator measures invocations alone.

    What happens is counted when it happens. What stands still, messages and certificates, AWS measures by a schedule;
    here it is measured when somebody asks for the metric. Streams are measured where they are read, in streams.py.
    """
    _count_executions()
    _count_requests()
    get_metric_statistics = cloudwatch._get_metric_statistics

    def _get_metric_statistics(params: Any, cbor_data: Any, *more: Any, **options: Any) -> Any:
        measure = _STANDING.get(cbor_data.get("Namespace") or cloudwatch._p(params, "Namespace"))
        if measure is not None:
            measure()
        return get_metric_statistics(params, cbor_data, *more, **options)

    replace(get_metric_statistics, _get_metric_statistics)


def _count_executions() -> None:
    fail = stepfunctions._fail_execution

    def _fail_execution(execution: dict[str, Any], error: Any, cause: Any) -> Any:
        answer = fail(execution, error, cause)
        machine = {"StateMachineArn": execution["stateMachineArn"]}
        cloudwatch.record_metric("AWS/States", "ExecutionsFailed", 1, "Count", machine)
        return answer

    replace(fail, _fail_execution)


def _count_requests() -> None:
    execute = apigateway._handle_execute_in_scope

    async def _handle_execute_in_scope(api_id: str, *request: Any, **more: Any) -> Any:
        answer = await execute(api_id, *request, **more)
        refused = 1 if 400 <= answer[0] < 500 else 0
        cloudwatch.record_metric("AWS/ApiGateway", "4xx", refused, "Count", {"ApiId": api_id})
        return answer

    replace(execute, _handle_execute_in_scope)


def _measure_queues() -> None:
    """A message counts until it is deleted: its age from the time when it was sent, whether or not it can be taken."""
    now = time.time()
    for queue in sqs._queues.values():
        dimensions = {"QueueName": queue["name"]}
        messages = list(queue["messages"])
        visible = sum(message.get("visible_at", now) <= now for message in messages)
        age = max((now - message.get("sent_at", now) for message in messages), default=0.0)
        cloudwatch.record_metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", visible, "Count", dimensions)
        cloudwatch.record_metric("AWS/SQS", "ApproximateAgeOfOldestMessage", age, "Seconds", dimensions)


def _measure_certificates() -> None:
    for arn, certificate in acm._certificates.items():
        days = (acm._epoch(certificate["NotAfter"]) - time.time()) // _DAY
        cloudwatch.record_metric("AWS/CertificateManager", "DaysToExpiry", days, "None", {"CertificateArn": arn})


_STANDING = {"AWS/SQS": _measure_queues, "AWS/CertificateManager": _measure_certificates}
