#!/usr/bin/env bash
# Publish what build-s3-dist.sh built: make the buckets if missing, upload what changed, print the quick-create link.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
# shellcheck source=deployment/environment.sh
. "$here/environment.sh"

usage() {
  cat >&2 <<END
usage: $(basename "$0") BUCKET_NAME_PREFIX SOLUTION_NAME VERSION PRIMARY_REGION SECONDARY_REGION [OPTION ...]

  The first three are those of build-s3-dist.sh. Options go to \`iot-dr publish\`, for example --format json.
  Uses the AWS credentials of the environment (AWS_PROFILE, aws configure, CloudShell).

example: $(basename "$0") my-iot-dr disaster-recovery-for-aws-iot v1.0.0 us-east-1 us-west-2
END
}

main() {
  case "${1:-}" in -h | --help)
    usage
    exit 0
    ;;
  esac
  [ $# -ge 5 ] || refuse "five arguments are needed, $# given"
  local prefix=$1 name=$2 version=$3 primary=$4 secondary=$5
  shift 5
  find_python
  check_disk 0
  prepare_venv
  export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$root/source/lambda/iot_dr_layer/python
  exec "$venv/bin/python" -P -m iot_dr.cli publish --assets "$here" --bucket-prefix "$prefix" --solution-name "$name" --version "$version" \
    --primary-region "$primary" --secondary-region "$secondary" "$@"
}

main "$@"
