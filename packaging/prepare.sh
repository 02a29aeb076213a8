#!/bin/sh
# prepare.sh GOAL...: find a Python that AuralScope runs on, and run prepare.py with it.
# PYTHON=/path/to/python chooses one. A Python that can make virtual environments is preferred.
set -u
here=$(cd "$(dirname "$0")" && pwd)
probe='import sys
version = sys.version_info[:2]
if not (3, 11) <= version <= (3, 14): sys.exit("%d.%d" % version)
try: import ensurepip, venv
except ImportError: print("bare")
else: print("whole")'

bare= unfit=
for python in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.14 python3.11 "$here/../.venv/bin/python"; do
  kind=$("$python" -c "$probe" 2>&1)
  case $kind in
    whole) exec "$python" "$here/prepare.py" "$@" ;;
    bare) : "${bare:=$python}" ;;
    [23].[0-9] | [23].[0-9][0-9]) unfit="$unfit, $python is $kind" ;;
  esac
  if [ "$python" = "${PYTHON:-}" ] && [ -z "$bare" ]; then
    echo "PYTHON=$python is no Python from 3.11 to 3.14: name another, or leave PYTHON out." >&2
    exit 1
  fi
done
[ -n "$bare" ] && exec "$bare" "$here/prepare.py" "$@"

found="none was found"
[ -n "$unfit" ] && found="what is here: ${unfit#, }"
cat >&2 <<END
AuralScope needs Python 3.11, 3.12, 3.13 or 3.14; $found.
Install one (Debian, Ubuntu: sudo apt-get install python3; Fedora: sudo dnf install python3.13;
Arch: sudo pacman -S python; macOS: brew install python@3.13, or python.org), or name it: make run PYTHON=/path/to/python3.13
END
exit 1
