"""Route 53's control plane: what health checks and record sets need and the emulator leaves out."""

import json
import re
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from ministack.services import route53
from ministack.services.cloudformation import provisioners

from . import correction, settings
from .patching import Authorized, authorize, replace

_OBSERVED = re.compile(r"/2013-04-01/healthcheck/([^/]+)/(status|lastfailurereason)")
_AUTHORIZED = re.compile(r"/2013-04-01/(?P<kind>healthcheck|change)/(?P<id>[^/]+)")
_ANSWERS = {"status": "GetHealthCheckStatusResponse", "lastfailurereason": "GetHealthCheckLastFailureReasonResponse"}
_CHECKER_ADDRESS = "127.0.0.1"
_FEWEST_REGIONS = 3
_LISTS = {"ChildHealthChecks": "ChildHealthCheck", "Regions": "Region"}


@correction("https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html")
def health_check_keeps_its_lists() -> None:
    """A health check has the children and Regions that it was given; by API, the emulator keeps an empty text of each.

    By CloudFormation they are kept.
    """
    parse = route53._parse_health_check_config

    def parse_health_check_config(element: Any) -> dict[str, Any]:
        config: dict[str, Any] = parse(element)
        for name, item in _LISTS.items():
            given = route53._find(element, name)
            if given is not None:
                config[name] = [one.text or "" for one in route53._findall(given, item)]
        return config

    replace(parse, parse_health_check_config)


@correction("https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html")
def health_check_tells_its_flags() -> None:
    """A health check tells that it is Inverted or Disabled; what the emulator writes, SDKs read as false."""
    build = route53._build_health_check_el

    def build_health_check_el(parent: Any, check: dict[str, Any]) -> None:
        flags = {name: str(value).lower() for name, value in check["config"].items() if isinstance(value, bool)}
        build(parent, {**check, "config": {**check["config"], **flags}})

    replace(build, build_health_check_el)


@correction("https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html")
def health_check_names_three_regions() -> None:
    """A health check that names Regions to be asked from names at least three; the emulator takes fewer."""
    create_check = route53._create_health_check
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Route53::HealthCheck"]
    in_stack = {verb: handlers[verb] for verb in ("create", "update")}

    def create_health_check(body: bytes) -> Any:
        request = route53._parse_body(body)
        element = None if request is None else route53._find(request, "HealthCheckConfig")
        config = {} if element is None else route53._parse_health_check_config(element)
        wrong = _too_few(config)
        return route53._error_response("InvalidInput", wrong) if wrong else create_check(body)

    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        return in_stack["create"](logical_id, _enough(properties), stack_name)

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Any:
        return in_stack["update"](physical_id, old, _enough(new), stack_name)

    replace(create_check, create_health_check)
    handlers.update(create=create, update=update)


def _too_few(config: dict[str, Any]) -> str:
    regions = config.get("Regions") or []
    return f"Regions has {len(regions)} items; at least 3 are needed." if 0 < len(regions) < _FEWEST_REGIONS else ""


def _enough(properties: dict[str, Any]) -> dict[str, Any]:
    wrong = _too_few(properties["HealthCheckConfig"])
    if wrong:
        raise ValueError(wrong)
    return properties


@correction("https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetHealthCheckStatus.html")
def health_check_status_is_told() -> None:
    """GetHealthCheckStatus tells what each checker last met; the emulator has neither the call nor checkers.

    The lab's checkers, outside of the emulator's process, leave what they met in a file. A check that nobody asks has
    no observations.
    """
    original = route53.handle_request

    async def handle_request(method: str, path: str, headers: Any, body: bytes, query_params: Any) -> Any:
        asked = _OBSERVED.fullmatch(path) if method == "GET" else None
        if asked is None:
            return await original(method, path, headers, body, query_params)
        check_id, what = asked.groups()
        if check_id not in route53._health_checks:
            return route53._get_health_check(check_id)  # the error of a check that is not there
        return route53._xml_response(_ANSWERS[what], lambda root: _tell(root, _observations(check_id, what)))

    replace(original, handle_request)


def _observations(check_id: str, what: str) -> list[dict[str, str]]:
    path = settings.health_check_file()
    if path is None or not path.exists():
        return []
    observed: list[dict[str, str]] = json.loads(path.read_text(encoding="utf-8")).get(check_id, {}).get(what, [])
    return observed


def _tell(root: Element, observations: list[dict[str, str]]) -> None:
    told = SubElement(root, "HealthCheckObservations")
    for observation in observations:
        one = SubElement(told, "HealthCheckObservation")
        SubElement(one, "Region").text = observation["Region"]
        SubElement(one, "IPAddress").text = _CHECKER_ADDRESS
        report = SubElement(one, "StatusReport")
        SubElement(report, "Status").text = observation["Status"]
        SubElement(report, "CheckedTime").text = observation["CheckedTime"]


@correction("https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonroute53.html")
def health_checks_and_changes_are_authorized_by_id() -> None:
    """Calls on one health check or change are authorized on it; the emulator authorizes them on `*` alone."""

    def resource_of(call: Authorized) -> str | None:
        named = _AUTHORIZED.match(call.path) if call.service == "route53" else None
        return f"arn:aws:route53:::{named['kind']}/{named['id']}" if named else None

    authorize(resource_of)


@correction("https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-route53-recordsetgroup.html")
def record_set_group_type() -> None:
    """AWS::Route53::RecordSetGroup makes several record sets of a zone; the emulator refuses such a template."""
    single = provisioners._RESOURCE_HANDLERS["AWS::Route53::RecordSet"]

    def members(properties: dict[str, Any]) -> list[dict[str, Any]]:
        zone: dict[str, Any] = {
            name: properties[name] for name in ("HostedZoneId", "HostedZoneName") if name in properties
        }
        return [{**zone, **one} for one in properties.get("RecordSets") or []]

    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        for one in members(properties):
            single["create"](logical_id, one, stack_name)
        return provisioners._physical_name(stack_name, logical_id), {}

    def update(
        physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str
    ) -> tuple[str, dict[str, Any]]:
        delete(physical_id, old)
        create(physical_id, new, stack_name)
        return physical_id, {}

    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        for one in members(properties):
            single["delete"](physical_id, one)

    provisioners._RESOURCE_HANDLERS["AWS::Route53::RecordSetGroup"] = {
        "create": create,
        "update": update,
        "delete": delete,
    }
