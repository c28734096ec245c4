"""Wires `Custom::SolutionLaunch`: a build starts with the main stack; what it made is named when that stack goes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from iot_dr.aws import clients
from iot_dr.aws.launch.builds import CodeBuildStarter
from iot_dr.aws.launch.files import S3BuildSource
from iot_dr.aws.launch.leftovers import RegionalLeftovers
from iot_dr.model.launch.launches import Launch
from iot_dr.model.regions import RegionPair
from iot_dr.observability import logs
from iot_dr.ports.launch import BuildSource, BuildStarter, Leftovers
from iot_dr.runtime.functions.launch.custom_resources import NOT_CREATED, Request, ResourceAnswer, answering
from iot_dr.services.launch import start_launch

logger = logs.logger()

CHOICES = {
    "CreateHealthCheck": "CREATE_HEALTH_CHECK",
    "CertificateMode": "CERTIFICATE_MODE",
    "ProvisioningTemplate": "PROVISIONING_TEMPLATE",
    "ReplicateShadows": "REPLICATE_SHADOWS",
    "ShadowNamePattern": "SHADOW_NAME_PATTERN",
    "KmsKeyId": "KMS_KEY_ID",
    "PrimaryAccessLogBucket": "PRIMARY_ACCESS_LOG_BUCKET",
    "SecondaryAccessLogBucket": "SECONDARY_ACCESS_LOG_BUCKET",
    "HealthCheckConcurrency": "HEALTH_CHECK_CONCURRENCY",
    "Tracing": "TRACING",
    "FleetName": "FLEET_NAME",
    "HostedZoneId": "HOSTED_ZONE_ID",
    "PrimaryFleetCertificateArn": "PRIMARY_FLEET_CERTIFICATE_ARN",
    "SecondaryFleetCertificateArn": "SECONDARY_FLEET_CERTIFICATE_ARN",
    "HealthCheckInterval": "HEALTH_CHECK_INTERVAL",
    "FailureThreshold": "FAILURE_THRESHOLD",
    "HealthCheckerRegions": "HEALTH_CHECKER_REGIONS",
    "NameServers": "NAME_SERVERS",
    "PrimaryNotificationTopicArn": "PRIMARY_NOTIFICATION_TOPIC_ARN",
    "SecondaryNotificationTopicArn": "SECONDARY_NOTIFICATION_TOPIC_ARN",
}
"""The build's variable of each choice in the main stack's form."""
OF_OLDER_STACKS = {"CertificateMode": "copy", "ReplicateShadows": "all", "ShadowNamePattern": ".*"}
"""What a main stack did whose form did not ask: an update may roll back to one. What is neither here nor asked for is
left as it is.
"""


@dataclass(frozen=True)
class SolutionLaunch:
    """One launch; its identity is the postfix, so that an update never makes a second one."""

    builds: BuildStarter
    source: BuildSource
    leftovers: Leftovers

    def create(self, request: Request) -> ResourceAnswer:
        """Start the build."""
        launch, properties = _launch(request), request.properties
        # Properties, not the function's environment: a rollback brings back the old ones, and with them the old build.
        version = start_launch.checked_version(
            self.source,
            properties.get("SourceBucket", ""),
            properties.get("SourceKey", ""),
            properties.get("SourceSha256", ""),
        )
        build = start_launch.start_launch(
            self.builds,
            properties["ProjectName"],
            launch,
            {
                variable: properties.get(parameter, OF_OLDER_STACKS.get(parameter, ""))
                for parameter, variable in CHOICES.items()
            },
            # CloudFormation may deliver a request twice; its ID, which both carry, makes one build of them.
            hashlib.sha256(request.request_id.encode()).hexdigest(),
            version,
        )
        logger.info("launch started", extra={"build": build, "postfix": launch.postfix})
        return ResourceAnswer(physical_id=f"launch-{launch.postfix}", data={"BuildId": build})

    def update(self, request: Request) -> ResourceAnswer:
        """Start a build with the same postfix; it brings the stacks to the new properties."""
        return self.create(request)

    def delete(self, request: Request) -> ResourceAnswer:
        """Say what is left; the stacks hold a replica of the fleet and are not removed without being asked for."""
        if request.physical_id == NOT_CREATED:
            return ResourceAnswer(physical_id=request.physical_id, reason="The launch never started; nothing is left.")
        launch = _launch(request)
        found = start_launch.leftovers(launch, self.leftovers)
        boundary = request.properties.get("PermissionsBoundary", "")
        logger.warning(
            "main stack deleted",
            extra={
                "postfix": launch.postfix,
                "uuid": launch.uuid,
                "left": [str(leftover) for leftover in found],
                "boundary": start_launch.boundary_removal(boundary) if boundary else "",
            },
        )
        return ResourceAnswer(physical_id=request.physical_id, reason=start_launch.describe(found, boundary))


def _launch(request: Request) -> Launch:
    properties = request.properties
    return Launch(
        RegionPair(properties["PrimaryRegion"], properties["SecondaryRegion"]),
        properties["StackPostfix"],
        properties["Uuid"],
    )


def _wired() -> SolutionLaunch:
    source = S3BuildSource(clients.client("s3"))
    return SolutionLaunch(CodeBuildStarter(clients.client("codebuild")), source, RegionalLeftovers())


lambda_handler = answering(_wired)
