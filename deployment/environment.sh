# Sourced by the scripts beside it: the Python that they need, and a small virtual environment of their own.
# shellcheck shell=bash
# The sourcing script sets `here` (this folder) and `root`, and defines `usage`.
python=
venv=${VENV:-${root:?}/.venv-build}
# Newer ones first; the system's own python3 is asked before all of them.
versions="python3.14 python3.13 python3.12 python3.11"
folders=${PYTHON_FOLDERS:-/usr/local/bin:/usr/bin:/opt/homebrew/bin:${HOME:-}/.local/bin}

refuse() {
  echo "error: $1" >&2
  usage
  exit 2
}

header() {
  echo "==> $1" >&2
}

is_new_enough() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

has_venv() {
  "$1" -c 'import venv' 2>/dev/null
}

has_pip() {
  "$1" -c 'import ensurepip' 2>/dev/null || "$1" -m pip --version >/dev/null 2>&1
}

# Print every interpreter that could do, the first to be preferred.
candidates() {
  local name folder parts
  for name in python3 $versions; do
    command -v "$name" || true
  done
  IFS=: read -r -a parts <<<"$folders"
  for folder in "${parts[@]}"; do
    for name in $versions; do
      [ ! -x "$folder/$name" ] || echo "$folder/$name"
    done
  done
}

# Name the command that installs a newer Python here.
how_to_install() {
  if command -v dnf >/dev/null; then
    echo "run: sudo dnf install -y python3.11"
  elif command -v apt-get >/dev/null; then
    echo "run: sudo apt-get install -y python3 python3-venv"
  else
    echo "install Python 3.11 or newer, or name one: PYTHON=/path/to/python3"
  fi
}

# Set `python` to an interpreter that can make the environment, or refuse with the mend.
find_python() {
  # What is there already needs none.
  if venv_is_ready; then
    python=$venv/bin/python
    return
  fi
  [ -z "${VENV:-}" ] || refuse "VENV names $VENV, which is no virtual environment; name one that has requirements/build.txt, or none"
  if [ -n "${PYTHON:-}" ]; then
    command -v "$PYTHON" >/dev/null || refuse "PYTHON names $PYTHON, which is not there"
    is_new_enough "$PYTHON" || refuse "PYTHON names $PYTHON, which is older than Python 3.11; name a newer one, or none"
    check_modules "$PYTHON"
    python=$PYTHON
    return
  fi
  local found first='' old=''
  while IFS= read -r found; do
    old=${old:-$found}
    if is_new_enough "$found"; then
      first=${first:-$found}
      if has_venv "$found" && has_pip "$found"; then
        python=$found
        return
      fi
    fi
  done < <(candidates)
  [ -z "$first" ] || check_modules "$first"
  [ -z "$old" ] || refuse "$old is older than Python 3.11, and no newer one was found; $(how_to_install)"
  refuse "python3 is not installed; $(how_to_install)"
}

check_modules() {
  has_venv "$1" || refuse "$1 has no venv module; run: apt-get install python3-venv"
  has_pip "$1" || refuse "$1 has no pip; run: apt-get install python3-pip python3-venv"
}

venv_is_ready() {
  # Where the interpreter is gone, as after a session of AWS CloudShell, its link is still there and leads nowhere.
  [ -x "$venv/bin/python" ] || return 1
  # The caller's own is used as it is.
  [ -z "${VENV:-}" ] || return 0
  [ -e "$venv/.ready" ] || return 1
  local input
  for input in requirements/build.txt requirements/templates.txt requirements/tools.txt deployment/venv.sh; do
    [ ! "$root/$input" -nt "$venv/.ready" ] || return 1
  done
}

check_disk() {
  local needed=$1 free
  # A new environment takes 80 MB, and pip keeps 30 MB of wheels; one that is refreshed is there already.
  [ -d "$venv" ] || needed=$((needed + 110))
  free=$(df -Pk "${here:?}" | awk 'NR == 2 { print int($4 / 1024) }')
  [ "$free" -ge "$needed" ] || refuse "$here has $free MB free, $needed MB are needed; free some space and run this again"
}

prepare_venv() {
  venv_is_ready || "$here/venv.sh" --small "$python" "$venv" "$root/requirements/build.txt" >&2
}
