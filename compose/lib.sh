# Shared by compose/up and tests/run: packages, builds, progress. Sourced, not run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$@"; } # Each argument is a line.
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# The names in one section of packages.txt.
packages_in() {
  awk -v want="[$1]" '/^\[/ {on = ($0 == want); next} on && /^[a-z]/' "$root/compose/packages.txt"
}

# Installs what is missing of the given sections; says nothing when nothing is.
packages_install() {
  local missing=() name have
  have=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' 2>/dev/null | awk '$2 == "installed" {print $1}')
  for name in $(for section in "$@"; do packages_in "$section"; done); do
    grep -qxF "$name" <<<"$have" || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "packages are missing (${missing[*]}) and there is no sudo; install them as root"
    as_root=(sudo)
  fi
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq || fail "apt-get update failed"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    >/dev/null || fail "apt-get install failed"
}

# Configures (once) and builds a preset. Output is shown only when it fails or when there is a
# terminal to draw ninja's progress line on.
build_preset() {
  local preset=$1 log; shift
  cd "$root" || exit 1
  if [ ! -f "build/$preset/build.ninja" ]; then
    log=$(cmake --preset "$preset" 2>&1) || { printf '%s\n' "$log" >&2; fail "cmake --preset $preset failed"; }
  fi
  if [ -t 1 ]; then
    cmake --build "build/$preset" "$@" || fail "the build of $preset failed"
  else
    log=$(cmake --build "build/$preset" "$@" 2>&1) || { printf '%s\n' "$log" >&2; fail "the build of $preset failed"; }
  fi
}
