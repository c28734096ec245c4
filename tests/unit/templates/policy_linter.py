"""parliament, which knows AWS's actions, their resources and their condition keys."""

from __future__ import annotations

import functools
import importlib
import importlib.resources
import json
import sys
import types
import warnings
from collections.abc import Mapping
from typing import Any


def findings(document: Mapping[str, Any]) -> list[str]:
    """Return what parliament and its community auditors have to say about a policy document."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is the library's own text that its import warns of
        policy = _parliament().analyze_policy_string(json.dumps(document), include_community_auditors=True)
    return [f"{finding.issue}: {finding.detail} {finding.location}" for finding in policy.findings]


@functools.cache
def _parliament() -> types.ModuleType:
    """The library, imported once: it reads megabytes of JSON, and its auditors import it in their turn."""
    # parliament 1.6.4 asks pkg_resources for the path of its data; setuptools has dropped that module.
    stand_in = types.ModuleType("pkg_resources")
    vars(stand_in)["resource_filename"] = lambda package, name: str(importlib.resources.files(package) / name)
    sys.modules["pkg_resources"] = stand_in
    try:
        return importlib.import_module("parliament")
    finally:
        del sys.modules["pkg_resources"]
