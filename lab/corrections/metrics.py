"""CloudWatch: what functions write to their log as metrics."""

import json
from typing import Any

from ministack.services import cloudwatch, lambda_svc

from lab.corrections import correction
from lab.corrections.patching import replace

_EMBEDDED = '"CloudWatchMetrics"'


@correction("https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format.html")
def embedded_metrics_become_metrics() -> None:
    """A log line in Embedded Metric Format becomes metrics; the emulator keeps the line alone."""
    original = lambda_svc._emit_lambda_logs

    def emit_lambda_logs(func: dict[str, Any], request_id: str, log_text: str, *rest: Any, **options: Any) -> None:
        original(func, request_id, log_text, *rest, **options)
        for line in log_text.splitlines():
            if _EMBEDDED in line:
                _store(json.loads(line[line.index("{") :]))

    replace(original, emit_lambda_logs)


def _store(written: dict[str, Any]) -> None:
    at = written["_aws"]["Timestamp"] / 1000
    for directive in written["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = {name: str(written[name]) for name in names}
            for metric in directive["Metrics"]:
                value = written[metric["Name"]]
                values = value if isinstance(value, list) else [value]
                cloudwatch._store_datum(
                    directive["Namespace"], metric["Name"], dimensions, at, metric["Unit"], None, values, None, None
                )
