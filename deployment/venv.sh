#!/usr/bin/env bash
# Make or refresh a virtual environment from a hash-pinned requirements file; the build script and make share it.
set -euo pipefail

usage() {
  echo "usage: $(basename "$0") [--small] PYTHON VENV REQUIREMENTS [PROJECT]" >&2
  exit 2
}

main() {
  local options=()
  if [ "${1:-}" = --small ]; then
    # Of what is installed, little is ever imported, and Python keeps the bytecode of that by itself.
    options=(--no-compile)
    shift
  fi
  [ $# -ge 3 ] || usage
  local python=$1 venv=$2 requirements=$3 project=${4:-}

  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "error: $python is missing or older than Python 3.11; install python3 (3.11 or newer) or name one: PYTHON=/path/to/python3" >&2
    exit 2
  }
  rm -f "$venv/.ready"
  if [ ! -x "$venv/bin/python" ]; then
    echo "Making $venv ..."
    local fresh=()
    # An environment whose interpreter is gone is made from nothing; a folder that is none is never emptied.
    [ ! -e "$venv/pyvenv.cfg" ] || fresh=(--clear)
    local pinned=(install --quiet --disable-pip-version-check --no-compile --only-binary=:all: --require-hashes
      -r "$(dirname "${BASH_SOURCE[0]}")/../requirements/pip.txt")
    # The pinned pip takes a third of the time of those that some Pythons bring along.
    if "$python" -m pip --version >/dev/null 2>&1; then
      "$python" -m venv ${fresh[@]+"${fresh[@]}"} --without-pip "$venv"
      "$python" -m pip --python "$venv/bin/python" "${pinned[@]}"
    elif "$python" -c 'import ensurepip' 2>/dev/null; then
      # Debian splits either off: ensurepip into python3-venv, pip into python3-pip.
      "$python" -m venv ${fresh[@]+"${fresh[@]}"} "$venv"
      "$venv/bin/python" -m pip "${pinned[@]}"
    else
      echo "error: $python has neither ensurepip nor pip; run: apt-get install python3-venv python3-pip" >&2
      exit 2
    fi
  fi
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check ${options[@]+"${options[@]}"} --require-hashes -r "$requirements"
  if [ -n "$project" ]; then
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable "$project"
  fi
  touch "$venv/.ready"
}

main "$@"
