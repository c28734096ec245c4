"""parliament, which knows AWS's actions, their resources and their condition keys."""

from __future__ import annotations

import importlib
import importlib.resources
import json
import sys
import types
import warnings
from collections.abc import Mapping
from typing import Any
from unittest import mock


def findings(document: Mapping[str, Any]) -> list[str]:
    """Return what parliament has to say about a policy document."""
    policy = _parliament().analyze_policy_string(json.dumps(document))
    return [f"{finding.issue}: {finding.detail} {finding.location}" for finding in policy.findings]


def _parliament() -> types.ModuleType:
    # parliament 1.6.4 asks pkg_resources for the path of its data; setuptools has dropped that module.
    stand_in = types.ModuleType("pkg_resources")
    vars(stand_in)["resource_filename"] = lambda package, name: str(importlib.resources.files(package) / name)
    with mock.patch.dict(sys.modules, {"pkg_resources": stand_in}), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is the library's own text that its import warns of
        return importlib.import_module("parliament")
