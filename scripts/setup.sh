#!/usr/bin/env bash
# Sets up everything Forethought needs on a Debian or Ubuntu machine: system packages, .venv, Python packages.
#   scripts/setup.sh          what `forethought serve` needs
#   scripts/setup.sh dev      and what the tests need (a browser, a virtual sound card, test recordings), and festival
#                             with two voices (9 MB), which an evaluation of a trained model asks with
# Running it again is quick: it does only what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

want="${1:-run}"
run_packages=(libportaudio2 espeak-ng)
dev_packages=(chromium pulseaudio pulseaudio-utils libasound2-plugins pocketsphinx-testdata
  festival festvox-kallpc16k festvox-us-slt-hts)

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }

system_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  local sudo=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || { say "install these as root, then run this again: ${missing[*]}"; exit 1; }
    sudo=(sudo)
  fi
  say "installing system packages: ${missing[*]}"
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.11 python3.12 python3.13; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null || continue
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  say "Forethought needs Python 3.11, 3.12 or 3.13; set PYTHON to one" >&2
  exit 1
}

if command -v dpkg-query >/dev/null; then
  system_packages "${run_packages[@]}"
  [ "$want" = dev ] && system_packages "${dev_packages[@]}"
else
  say "not a Debian system: install these yourself: ${run_packages[*]}"
fi

python="$(find_python)"
if [ ! -x .venv/bin/python ]; then
  if command -v dpkg-query >/dev/null && ! "$python" -c 'import ensurepip' 2>/dev/null; then
    system_packages python3-venv
  fi
  say "making .venv with $("$python" --version)"
  "$python" -m venv .venv
fi

# What is installed is what these two files ask for, or it is installed again.
stamp=".venv/.setup-$want"
wanted="$(cat pyproject.toml constraints.txt "$0" | sha256sum)"
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
  say "installing Python packages (a few minutes the first time)"
  extra=""
  [ "$want" = dev ] && extra="[dev]"
  if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".$extra"; then
    say "the installation failed; if an earlier one was interrupted, \`make clean\` and try again"
    exit 1
  fi
  .venv/bin/python -m realtime.decoder.native.prepare
  echo "$wanted" > "$stamp"
fi
