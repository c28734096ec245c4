"""Global tables that carry events to the secondary Region; version 2019.11.21, made whole by the primary's stack."""

from __future__ import annotations

from troposphere import Ref, Template
from troposphere import dynamodb as tables

from templates.blocks.keys import KEY, with_key


def add_event_table(template: Template, title: str, name_parameter: str, *, backed_up: bool) -> tables.GlobalTable:
    """Add a table of both Regions, one item per event, with point-in-time recovery if it is to be `backed_up`.

    Events live for two days, so the table goes with its stack, but never by a change of its properties.
    """
    return template.add_resource(
        tables.GlobalTable(
            title,
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Retain",
            TableName=Ref(name_parameter),
            AttributeDefinitions=[
                tables.AttributeDefinition(AttributeName="resource", AttributeType="S"),
                tables.AttributeDefinition(AttributeName="event_id", AttributeType="S"),
            ],
            KeySchema=[
                tables.KeySchema(AttributeName="resource", KeyType="HASH"),
                tables.KeySchema(AttributeName="event_id", KeyType="RANGE"),
            ],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification=tables.StreamSpecification(StreamViewType="NEW_AND_OLD_IMAGES"),
            TimeToLiveSpecification=tables.TimeToLiveSpecification(AttributeName="expires", Enabled=True),
            SSESpecification=tables.GlobalTableSSESpecification(SSEEnabled=True, SSEType="KMS"),
            Replicas=[_replica(region, backed_up) for region in ("AWS::Region", "SecondaryRegion")],
        )
    )


def _replica(region: str, backed_up: bool) -> tables.ReplicaSpecification:
    return tables.ReplicaSpecification(
        Region=Ref(region),
        SSESpecification=with_key(tables.ReplicaSSESpecification(KMSMasterKeyId=Ref(KEY))),
        PointInTimeRecoverySpecification=tables.PointInTimeRecoverySpecification(PointInTimeRecoveryEnabled=backed_up),
    )
