"""The core: from what the source holds and what the target holds to the changes that make them equal.

Pure functions over the values of `model`: no clock, no environment, no logging, no SDK. The stream, the schedule, the
operator's commands and failback all go through `plan`, so they cannot disagree about what a difference is.

    translate   a source's entity as it must stand in the target (ARNs by field, statuses that can be set)
    plan        the truth table: snapshot, snapshot -> plan, each change with its reason
    order       which change comes before which
    safety      refuses a plan that would delete too large a share
"""
