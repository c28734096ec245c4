#!/usr/bin/env bash
# Prove an installation: devices are made in the primary Region, compared, connected in both Regions, and deleted again.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
python=${PYTHON:-python3}

usage() {
  cat >&2 <<END
usage: . ./toolsrc && $(basename "$0") -n NUMBER [OPTION ...]

  Options go to \`iot-dr prove\`, which --help describes, for example --with-type, --timeout SECONDS, --format json.
  Exits 0 if all is proved, 1 if something failed, 2 for wrong use or if it cannot run. Ctrl-C removes what was made.
END
}

refuse() {
  echo "error: $1" >&2
  usage
  exit 2
}

# The wheels of the unpacked iot-dr-solution.zip are pure Python: unpacking them is installing them.
unpack_wheels() {
  local unpacked wheel
  unpacked=$(mktemp -d "$root/site.XXXXXX")
  for wheel in "$root"/wheels/*.whl; do
    "$python" -m zipfile -e "$wheel" "$unpacked" || {
      rm -rf "$unpacked"
      refuse "$wheel cannot be unpacked; unpack iot-dr-solution.zip anew"
    }
  done
  mv "$unpacked" "$root/site"
}

main() {
  [ $# -gt 0 ] || refuse "say how many devices: -n NUMBER"
  if [ -d "$root/wheels" ]; then
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
      refuse "$python is missing or older than Python 3.11; name a newer one, PYTHON=/path/to/python3 (in AWS CloudShell: sudo dnf install -y python3.11, then PYTHON=python3.11)"
    [ -d "$root/site" ] || unpack_wheels
    PYTHONPATH=$root/site${PYTHONPATH:+:$PYTHONPATH} exec "$python" -m iot_dr.cli prove "$@"
  fi
  command -v iot-dr >/dev/null || refuse "iot-dr is not installed; run this where iot-dr-solution.zip is unpacked"
  exec iot-dr prove "$@"
}

main "$@"
