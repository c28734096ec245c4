"""Both Regions with the product launched in them, as a customer would do it."""

import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

from lab import codebuild, processes
from lab.counting import CountingProxy, Fault
from lab.emulator import PRIMARY_REGION, ROOT, SECONDARY_REGION, Emulator, LabError
from lab.partition import Broker, Replicas, away, server_certificate
from lab.progress import Progress, step
from lab.quotas import raised
from lab.route53.service import Route53
from lab.waiting import until

ACCOUNT = "000000000000"
MAIN_STACK = "iot-dr"
FLEET = "devices.iot-dr.test"
"""The name by which the fleet's devices reach the Region that serves."""
_TRAIL = "management-events"
# Every family that the product replicates; https://docs.aws.amazon.com/iot/latest/developerguide/registry-events.html
EVENT_FAMILIES = ("THING", "THING_TYPE", "THING_GROUP", "THING_GROUP_MEMBERSHIP")

_STACK_SECONDS = 120
_NOT_COPIED = shutil.ignore_patterns(".git", ".venv*", ".lab", ".*_cache", ".hypothesis", "__pycache__", "*-s3-assets")


@dataclass(frozen=True)
class Distribution:
    """What the build script is told."""

    bucket_prefix: str
    solution_name: str
    version: str


def default_distribution() -> Distribution:
    """The lab's own bucket prefix, and the version of this checkout."""
    import iot_dr  # noqa: PLC0415 - only its version; importing the lab must not need the product

    return Distribution("iot-dr-lab", "disaster-recovery-for-aws-iot", f"v{iot_dr.__version__}")


class Pair:
    """Two Regions of one account on this machine, and the steps from an empty account to a launched product."""

    primary = PRIMARY_REGION
    secondary = SECONDARY_REGION
    account = ACCOUNT

    def __init__(
        self,
        folder: Path,
        progress: Progress,
        distribution: Distribution | None = None,
        *,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.progress = progress
        self.distribution = distribution or default_distribution()
        self.proxy = CountingProxy()
        self.proxy.answers["servicequotas"] = raised()
        self.route53 = Route53()
        told = {**self.proxy.environ(), **self.route53.environ(), **(environ or {})}
        self.emulator = Emulator(folder, environ=told)
        self.outputs: dict[str, str] = {}
        self._built: Path | None = None
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._exit = ExitStack()

    def client(self, service: str, region: str = PRIMARY_REGION) -> Any:
        """A boto3 client of the account's administrator; one per service and Region, safe to share between threads."""
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = boto3.client(
                    service,
                    region_name=region,
                    endpoint_url=self.emulator.tls_endpoint_url,
                    verify=str(self.emulator.ca_file),
                    aws_access_key_id="test",
                    aws_secret_access_key="test",
                    config=Config(max_pool_connections=32, retries={"mode": "standard"}),
                )
            return self._clients[service, region]

    def start(self) -> None:
        """Start the emulator with the counting proxy before it, and the name servers of its hosted zones."""
        self._exit.callback(self.proxy.stop)
        self._exit.callback(self.route53.stop)  # gives its ports back even if the emulator does not start
        self._exit.enter_context(self.emulator)
        self._exit.callback(self.route53.stop)  # before the emulator, which it asks
        self.route53.start(self.emulator)
        self.proxy.start(self.emulator.port, (self.emulator.tls_port, self.emulator.ca_file))

    def broker(self, region: str) -> Broker:
        """A Region's MQTT broker, to be closed and opened."""
        return Broker(self.emulator, region)

    def away(self, region: str, fault: Fault | None = None) -> AbstractContextManager[None]:
        """Without a Region for the length of a `with` block; who calls its APIs through the proxy meets `fault`."""
        return away(self.emulator, self.proxy, region, fault)

    @property
    def replicas(self) -> Replicas:
        """The replicas of all global tables, to be paused and healed."""
        return Replicas(self.emulator)

    @property
    def fleet_port(self) -> int:
        """The port at which both Regions take devices that come by the fleet's name."""
        return self.emulator.fleet_port

    def fleet_address(self, region: str) -> str:
        """Where the fleet's name leads when this Region serves."""
        return self.emulator.fleet_addresses[region]

    def import_fleet_certificates(self, *, days: int = 90) -> dict[str, str]:
        """Import one certificate for the fleet's name into ACM of both Regions; its ARN there by Region."""
        issued = server_certificate(self.emulator, FLEET, days=days)
        return {
            region: self.client("acm", region).import_certificate(
                Certificate=issued.certificate_pem.encode(),
                PrivateKey=issued.key_pem.encode(),
                CertificateChain=self.emulator.ca_file.read_bytes(),
            )["CertificateArn"]
            for region in (self.primary, self.secondary)
        }

    def make_fleet_name(self) -> dict[str, str]:
        """A hosted zone and server certificates for the fleet's name, and the main stack's parameters that name them.

        Here an endpoint's address has a port, which no name in DNS leads to: the record's target has it too, and the
        lab's name servers know which address stands for it.
        """
        with step(self.progress, f"Make a hosted zone, and certificates for the fleet's name, {FLEET}"):
            made = self.client("route53").create_hosted_zone(Name=FLEET.partition(".")[2], CallerReference=FLEET)
            arns = self.import_fleet_certificates()
            for region in (self.primary, self.secondary):
                self.route53.hosts[f"{self.device_endpoint(region)}."] = self.fleet_address(region)
        return {
            "FleetName": FLEET,
            "HostedZoneId": made["HostedZone"]["Id"].rpartition("/")[2],
            "PrimaryFleetCertificateArn": arns[self.primary],
            "SecondaryFleetCertificateArn": arns[self.secondary],
            "HealthCheckInterval": "10",
            "HealthCheckerRegions": "us-east-1,eu-west-1,sa-east-1",
            "NameServers": self.route53.environ()["NAME_SERVERS"],
        }

    def configure_fleet(self) -> None:
        """Have both Regions serve the fleet's name, as far as nobody has configured it."""
        with step(self.progress, f"Configure the fleet's name, {FLEET}, in both Regions"):
            missing = [region for region in (self.primary, self.secondary) if not self._serves_fleet(region)]
            arns = self.import_fleet_certificates() if missing else {}
            for region in missing:
                self.client("iot", region).create_domain_configuration(
                    domainConfigurationName="fleet", domainName=FLEET, serverCertificateArns=[arns[region]]
                )

    def _serves_fleet(self, region: str) -> bool:
        iot = self.client("iot", region)
        pages = iot.get_paginator("list_domain_configurations").paginate()
        names = [each["domainConfigurationName"] for page in pages for each in page["domainConfigurations"]]
        described = (iot.describe_domain_configuration(domainConfigurationName=name) for name in names)
        return any(each.get("domainName") == FLEET for each in described)

    def stop(self) -> None:
        """Stop all of it."""
        self._exit.close()

    def build(self, built: Path | None = None) -> None:
        """Build the distribution with the project's own script; or take what another pair has built.

        `built` is a folder that several pairs share: the first of them builds, whichever process it is in. What the
        build of the main stack installs is shared too.
        """
        it, self._built = self.distribution, built
        with step(self.progress, "Build templates and zips (deployment/build-s3-dist.sh)"):
            shutil.rmtree(self._checkout, ignore_errors=True)
            with processes.alone(built):
                if built is not None and (built / "checkout").exists():
                    shutil.copytree(built / "checkout", self._checkout, symlinks=True)
                    return
                shutil.copytree(ROOT, self._checkout, symlinks=True, ignore=_NOT_COPIED)
                self._project("deployment/build-s3-dist.sh", it.bucket_prefix, it.solution_name, it.version)
                if built is not None:
                    shutil.copytree(self._checkout, built / "copying", symlinks=True)
                    (built / "copying").rename(built / "checkout")

    def prepare_account(self) -> None:
        """Turn on registry events in the primary Region, and thing indexing in both, which dynamic groups need."""
        with step(self.progress, "Enable registry events in the primary Region, thing indexing in both"):
            iot = self.client("iot")
            iot.update_event_configurations(eventConfigurations={name: {"Enabled": True} for name in EVENT_FAMILIES})
            for region in (self.primary, self.secondary):
                self.client("iot", region).update_indexing_configuration(
                    thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"}
                )

    @contextmanager
    def trail(self) -> Iterator[None]:
        """A trail of CloudTrail in the primary Region, for the length of a `with` block; without one none is there."""
        bucket = f"{self.distribution.bucket_prefix}-trail"
        with suppress(self.client("s3").exceptions.BucketAlreadyOwnedByYou):
            self.client("s3").create_bucket(Bucket=bucket)
        cloudtrail = self.client("cloudtrail")
        cloudtrail.create_trail(Name=_TRAIL, S3BucketName=bucket)
        try:
            cloudtrail.start_logging(Name=_TRAIL)
            yield
        finally:
            cloudtrail.delete_trail(Name=_TRAIL)

    def publish(self) -> None:
        """Publish the distribution to S3 with the project's own script."""
        it = self.distribution
        with step(self.progress, "Publish to S3 (deployment/publish.sh)"):
            self._project(
                "deployment/publish.sh", it.bucket_prefix, it.solution_name, it.version, self.primary, self.secondary
            )

    def make_own_stores(self) -> dict[str, str]:
        """A key, log buckets and topics of the customer's own, and the main stack's parameters that name them."""
        with step(self.progress, "Make a multi-Region key; a bucket for access logs and a topic in each Region"):
            kms = self.client("kms", self.primary)
            key: str = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
            kms.replicate_key(KeyId=key, ReplicaRegion=self.secondary)
            buckets, topics = {}, {}
            for side, region in (("Primary", self.primary), ("Secondary", self.secondary)):
                buckets[f"{side}AccessLogBucket"] = bucket = f"{self.distribution.bucket_prefix}-logs-{region}"
                elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": region}}
                self.client("s3", region).create_bucket(
                    Bucket=bucket, **({} if region == PRIMARY_REGION else elsewhere)
                )
                topic = self.client("sns", region).create_topic(Name="iot-dr-alarms")
                topics[f"{side}NotificationTopicArn"] = topic["TopicArn"]
        return {"KmsKeyId": key, **buckets, **topics}

    @property
    def template_url(self) -> str:
        """Where the main stack's published template is."""
        it, end = self.distribution, "disaster-recovery-for-aws-iot.template"
        where = f"{it.bucket_prefix}-reference/{it.solution_name}/{it.version}"
        return f"{self.emulator.tls_endpoint_url}/{where}/{end}"

    def create_main_stack(self, *, health_check: bool = True, choices: Mapping[str, str] | None = None) -> None:
        """Create the main stack from the published template, as the quick-create link does."""
        with step(self.progress, "Create the main stack"):
            self.client("cloudformation").create_stack(
                StackName=MAIN_STACK,
                TemplateURL=self.template_url,
                Parameters=[
                    {"ParameterKey": "PrimaryRegion", "ParameterValue": self.primary},
                    {"ParameterKey": "SecondaryRegion", "ParameterValue": self.secondary},
                    {"ParameterKey": "CreateHealthCheck", "ParameterValue": "yes" if health_check else "no"},
                    *({"ParameterKey": name, "ParameterValue": value} for name, value in (choices or {}).items()),
                ],
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            )
            stack = self.rested_stack(MAIN_STACK)
            self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
            self.progress.line(f"stack postfix {self.outputs.get('StackPostfix')}")

    def run_launch(self) -> None:
        """Run the build that the main stack started, as CodeBuild would."""
        with step(self.progress, "Run the buildspec of iot-dr-solution.zip (launches the regional stacks)"):
            builds = self.client("codebuild")
            projects = builds.list_projects()["projects"]
            ids = [build for name in projects for build in builds.list_builds_for_project(projectName=name)["ids"]]
            if len(ids) != 1:
                message = f"the main stack should have started one build, there are {len(ids)}"
                raise LabError(message)
            self.run_build(ids[0])

    def run_build(self, build: str) -> None:
        """Run the commands of a build that was started; LabError if they fail."""
        status = codebuild.run_build(
            build,
            self.client,
            environ=self.emulator.client_environ(),
            scratch=self.emulator.folder,
            line=self.progress.line,
            shared=self._built / "installed" if self._built else None,
        )
        if status:
            message = f"the buildspec ended with status {status}; its output stands above"
            raise LabError(message)

    def launch(
        self,
        *,
        build: bool = True,
        built: Path | None = None,
        health_check: bool = True,
        choices: Mapping[str, str] | None = None,
    ) -> None:
        """Everything from an empty account to a product that replicates."""
        if build:
            self.build(built)
        self.prepare_account()
        self.publish()
        self.create_main_stack(health_check=health_check, choices=choices)
        self.run_launch()

    def rested_stack(self, name: str, region: str = PRIMARY_REGION) -> dict[str, Any]:
        """The stack once it is complete; LabError with CloudFormation's own reasons when it is not."""
        stacks = self.client("cloudformation", region)

        def rested() -> dict[str, Any] | None:
            stack: dict[str, Any] = stacks.describe_stacks(StackName=name)["Stacks"][0]
            return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

        stack = until(rested, _STACK_SECONDS)
        if stack is None or stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            status = stack["StackStatus"] if stack else "still in progress"
            message = "\n".join([f"stack {name} in {region}: {status}", *self._failures(stacks, name)])
            raise LabError(message)
        return stack

    def physical_id(self, logical_id: str) -> str:
        """The physical ID of a resource of the secondary Region's stack."""
        found = self.client("cloudformation", self.secondary).describe_stack_resource(
            StackName=f"IoTDRSecondary{self.outputs['StackPostfix']}", LogicalResourceId=logical_id
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def device_endpoint(self, region: str) -> str:
        """Where devices connect in a Region."""
        endpoint: str = self.client("iot", region).describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
        return endpoint

    @staticmethod
    def _failures(stacks: Any, name: str) -> Iterator[str]:
        pages = stacks.get_paginator("describe_stack_events").paginate(StackName=name)
        for event in [event for page in pages for event in page["StackEvents"]][::-1]:
            if event["ResourceStatus"].endswith("FAILED"):
                yield f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"

    @property
    def _checkout(self) -> Path:
        """A copy of the project, so that a build which waits to be published in the project itself stays what it is."""
        return self.emulator.folder / "checkout"

    def _project(self, script: str, *arguments: str) -> None:
        self.run_script(self._checkout, script, *arguments)

    def run_script(self, checkout: Path, script: str, *arguments: str) -> None:
        """Run a script of a checkout as the account's administrator; LabError with its last lines when it fails."""
        environ = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ
        }
        environ |= self.emulator.client_environ() if self.emulator.pid else {}
        # The certificate authority is for MQTT; pip must keep trusting what this machine trusts.
        environ.pop("SSL_CERT_FILE", None)
        environ |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        environ["VENV"] = str(ROOT / ".venv")
        lines: list[str] = []

        def line(text: str) -> None:
            lines.append(text)
            self.progress.line(text)

        status = processes.run([checkout / script, *arguments], environ=environ, folder=checkout, line=line)
        if status:
            message = "\n".join([f"{script} ended with status {status}", *lines[-10:]])
            raise LabError(message)

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


@contextmanager
def launched(
    folder: Path,
    progress: Progress,
    *,
    build: bool = True,
    built: Path | None = None,
    environ: Mapping[str, str] | None = None,
    own_stores: bool = False,
    fleet_name: bool = False,
) -> Iterator[Pair]:
    """A pair with the product launched, for the length of a `with` block; `environ` is added to the emulator's.

    Pairs that share the folder `built` build once. With `own_stores` the form names a key and log buckets of the
    customer's own, and reserves executions. With `fleet_name` it names the fleet's name, with a hosted zone and
    certificates.
    """
    with Pair(folder, progress, environ=environ) as pair:
        choices = {**pair.make_own_stores(), "HealthCheckConcurrency": "5"} if own_stores else {}
        choices |= pair.make_fleet_name() if fleet_name else {}
        pair.launch(build=build, built=built, choices=choices)
        yield pair
