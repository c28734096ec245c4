# Sourced by the scripts beside it: the Python they need and the project's own virtual environment.
# shellcheck shell=bash
# The sourcing script sets `here` (this folder) and `root`, and defines `usage`.
python=${PYTHON:-python3}
venv=${VENV:-${root:?}/.venv}

refuse() {
  echo "error: $1" >&2
  usage
  exit 2
}

header() {
  echo "==> $1" >&2
}

check_python() {
  command -v "$python" >/dev/null || refuse "$python is not installed; install Python 3.11 or newer, or name one: PYTHON=/path/to/python3"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || refuse "$python is older than Python 3.11; name a newer one: PYTHON=/path/to/python3"
  "$python" -c 'import venv' 2>/dev/null || refuse "$python has no venv module; run: apt-get install python3-venv"
  "$python" -m pip --version >/dev/null 2>&1 || "$python" -c 'import ensurepip' 2>/dev/null ||
    refuse "$python has no pip; run: apt-get install python3-pip python3-venv"
}

venv_is_ready() {
  if [ -n "${VENV:-}" ]; then
    # The caller's own is used as it is.
    [ -x "$venv/bin/python" ]
    return
  fi
  # The same rule as the Makefile's, so that either refreshes what the other made.
  [ -e "$venv/.ready" ] || return 1
  local input
  for input in requirements/dev.txt setup.cfg pyproject.toml deployment/venv.sh; do
    [ ! "$root/$input" -nt "$venv/.ready" ] || return 1
  done
}

check_disk() {
  local needed=$1 free
  # A new environment takes 400 MB, and pip as much again while it unpacks.
  venv_is_ready || needed=$((needed + 800))
  free=$(df -Pk "${here:?}" | awk 'NR == 2 { print int($4 / 1024) }')
  [ "$free" -ge "$needed" ] || refuse "$here has $free MB free, $needed MB are needed; free some space and run this again"
}

prepare_venv() {
  venv_is_ready || "$here/venv.sh" "$python" "$venv" "$root/requirements/dev.txt" "$root" >&2
}
