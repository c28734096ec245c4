"""AWS's prices as docs/cost.md lists them, in US dollars, for what computes with them; a test holds both together."""

from __future__ import annotations

MILLION = 1_000_000

REGISTRY_OPERATION = 1.25 / MILLION
DYNAMODB_WRITE = 0.625 / MILLION
DYNAMODB_READ = 0.125 / MILLION
LAMBDA_REQUEST = 0.20 / MILLION
LAMBDA_GB_SECOND = 0.0000133334
EXPRESS_REQUEST = 1.00 / MILLION
EXPRESS_GB_HOUR = 0.06
LOG_GB = 0.50

HOURS_A_MONTH = 730
