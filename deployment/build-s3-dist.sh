#!/usr/bin/env bash
# Build what is published to S3: templates in deployment/global-s3-assets, zips in deployment/regional-s3-assets.
# Finds a Python by itself, and makes or reuses a small virtual environment of its own. Same commit, same bytes.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
# shellcheck source=deployment/environment.sh
. "$here/environment.sh"
work=

usage() {
  cat >&2 <<END
usage: $(basename "$0") BUCKET_NAME_PREFIX SOLUTION_NAME VERSION

  BUCKET_NAME_PREFIX  templates are published to PREFIX-reference, code to PREFIX-<region>
  SOLUTION_NAME       first part of every key in these buckets, for example disaster-recovery-for-aws-iot
  VERSION             second part of every key, vX.Y.Z

Environment:
  PYTHON              interpreter that makes the virtual environment (default: python3, else the newest that is found)
  PYTHON_FOLDERS      where it is looked for besides PATH (default: the usual folders)
  VENV                a virtual environment of yours that has requirements/build.txt (default: .venv-build, made here)

example: $(basename "$0") my-iot-dr disaster-recovery-for-aws-iot v1.0.0
END
}

check_names() {
  "$python" "$here/package.py" check -- "$@" || {
    usage
    exit 2
  }
}

clean_up() {
  [ -z "$work" ] || rm -rf "$work"
}

main() {
  case "${1:-}" in -h | --help)
    usage
    exit 0
    ;;
  esac
  # Nothing here may leave bytecode beside the sources.
  export PYTHONDONTWRITEBYTECODE=1
  # A wheel stores the modes of its files: the caller's mask must not change the bytes.
  umask 022
  [ $# -eq 3 ] || refuse "three arguments are needed, $# given"
  find_python
  check_names "$@"
  check_disk 70

  header "Virtual environment"
  prepare_venv
  # Beside the output, so that finished folders are put in place by a rename.
  work=$(mktemp -d "$here/.build.XXXXXX")
  trap clean_up EXIT

  header "Zips"
  "$venv/bin/python" "$here/package.py" zips "$work"
  # After the zips: the main template has the digest of each.
  header "Templates"
  "$venv/bin/python" "$root/generate.py" --bucket-prefix "$1" --solution-name "$2" --version "$3" \
    --code "$work/regional-s3-assets" --output "$work/global-s3-assets"
  "$venv/bin/python" "$here/package.py" replace "$work" "$here"
  header "Built $2 $3 in $here/global-s3-assets and $here/regional-s3-assets; publish with deployment/publish.sh"
}

main "$@"
