"""How a Distributed Map reads its items, batches them, counts them and writes what came of them."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from ministack.services import s3, stepfunctions

from . import correction
from .patching import replace


@correction("https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html")
def distributed_map_batches_its_items() -> None:
    """A Distributed Map hands its items over in batches; the emulator hands each over by itself.

    Its counts are of items, whatever the batches.
    """
    run, view = stepfunctions._run_distributed_map, stepfunctions._map_run_view

    def _run_distributed_map(state_def: Any, raw_input: Any, effective: Any, *run_of: Any) -> Any:
        *_, ctx = run_of
        batcher = state_def.get("ItemBatcher")
        if not batcher:
            return run(state_def, raw_input, effective, *run_of)
        items = stepfunctions._read_map_items(state_def["ItemReader"], effective, ctx)
        size = int(batcher["MaxItemsPerBatch"])
        batches = [{"Items": items[start : start + size]} for start in range(0, len(items), size)]
        without = {key: value for key, value in state_def.items() if key not in ("ItemReader", "ItemBatcher")}
        return run({**without, "ItemsPath": "$"}, raw_input, batches, *run_of)

    def _map_run_view(run: Mapping[str, Any]) -> dict[str, Any]:
        seen: dict[str, Any] = view(run)
        children = [one for one in list(stepfunctions._executions.values()) if one.get("mapRunArn") == run["mapRunArn"]]
        batches = [(one["status"], len(json.loads(one["input"])["Items"])) for one in children if _is_batch(one)]
        if batches:
            counts = dict(seen["itemCounts"])
            for name in ("running", "succeeded", "failed"):
                counts[name] = sum(number for status, number in batches if status == name.upper())
            # All batches but the last are full, and the last one begins last.
            size = max(number for _, number in batches)
            counts["pending"] = seen["executionCounts"]["pending"] * size
            counts["total"] = sum(counts[name] for name in ("pending", "running", "succeeded", "failed"))
            seen["itemCounts"] = counts
        return seen

    replace(run, _run_distributed_map)
    replace(view, _map_run_view)


@correction("https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html")
def distributed_map_writes_its_results() -> None:
    """A Distributed Map writes what came of its executions to a bucket; the emulator takes no notice of that."""
    run = stepfunctions._run_distributed_map

    def _run_distributed_map(state_def: Any, raw_input: Any, effective: Any, *run_of: Any) -> Any:
        _, execution, ctx = run_of
        writer = state_def.get("ResultWriter")
        if not writer:
            return run(state_def, raw_input, effective, *run_of)
        before = set(stepfunctions._map_runs)
        try:
            _, following = run(state_def, raw_input, effective, *run_of)
        finally:
            (map_run,) = [
                arn
                for arn, one in list(stepfunctions._map_runs.items())
                if arn not in before and one["executionArn"] == execution["executionArn"]
            ]
            where = stepfunctions._resolve_params_obj(writer["Parameters"], effective, ctx)
            manifest = _write(map_run, where["Bucket"], where["Prefix"])
        details = {"Bucket": where["Bucket"], "Key": manifest}
        return {"MapRunArn": map_run, "ResultWriterDetails": details}, following

    replace(run, _run_distributed_map)


@correction("https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html")
def distributed_map_understands_jsonata() -> None:
    """A Distributed Map in JSONata evaluates its fields; the emulator takes the expressions for plain text."""
    run = stepfunctions._run_distributed_map

    def _run_distributed_map(state_def: Any, raw_input: Any, effective: Any, *run_of: Any) -> Any:
        *_, ctx = run_of
        if stepfunctions._state_query_language(state_def, ctx) != "JSONata":
            return run(state_def, raw_input, effective, *run_of)
        evaluated = dict(state_def)
        for name in ("ItemReader", "ResultWriter"):
            if name in state_def:
                arguments = stepfunctions._apply_jsonata_template(state_def[name]["Arguments"], raw_input, ctx)
                evaluated[name] = {**state_def[name], "Parameters": arguments}
                del evaluated[name]["Arguments"]
        for name in ("MaxConcurrency", "ItemBatcher", "ToleratedFailurePercentage", "ToleratedFailureCount"):
            if name in state_def:
                evaluated[name] = stepfunctions._apply_jsonata_template(state_def[name], raw_input, ctx)
        result, following = run(evaluated, raw_input, effective, *run_of)
        output = stepfunctions._apply_jsonata_output(state_def, raw_input, ctx, result=result, default=result)
        stepfunctions._apply_state_assign(state_def, raw_input, ctx, result=result)
        return output, following

    replace(run, _run_distributed_map)


def _is_batch(execution: Mapping[str, Any]) -> bool:
    value = json.loads(execution["input"])
    return isinstance(value, dict) and isinstance(value.get("Items"), list)


def _write(map_run: str, bucket: str, prefix: str) -> str:
    """Write the results of a Map Run in the form that AWS gives them; the key of their manifest."""
    folder = f"{prefix}/{uuid.uuid4()}"
    children = [one for one in list(stepfunctions._executions.values()) if one.get("mapRunArn") == map_run]
    files: dict[str, list[dict[str, Any]]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    for status in ("FAILED", "SUCCEEDED"):
        found = [_result(one) for one in children if one["status"] == status]
        if found:
            key, body = f"{folder}/{status}_0.json", json.dumps(found).encode()
            s3._put_object(bucket, key, body, {})
            files[status].append({"Key": key, "Size": len(body)})
    manifest = {"DestinationBucket": bucket, "MapRunArn": map_run, "ResultFiles": files}
    s3._put_object(bucket, f"{folder}/manifest.json", json.dumps(manifest).encode(), {})
    return f"{folder}/manifest.json"


def _result(execution: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        "executionArn",
        "input",
        "output",
        "name",
        "startDate",
        "stateMachineArn",
        "status",
        "stopDate",
        "error",
        "cause",
    )
    told = {name[0].upper() + name[1:]: execution[name] for name in names if execution.get(name) is not None}
    return told | {"InputDetails": {"Included": True}, "OutputDetails": {"Included": True}}
