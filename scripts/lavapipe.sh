#!/bin/bash
# Sets up Mesa's lavapipe from Debian 13's backports: a Vulkan driver for the CPU, several times faster than SwiftShader.
#   scripts/lavapipe.sh [DIR]     as root, on Debian or Ubuntu, x86-64; DIR defaults to /opt/lavapipe
# On Debian 13 or newer, it installs the packages. The C library of an older host cannot run them; there DIR/root becomes
# a small Debian 13, and DIR/bin/node a copy of the host's node that uses its libraries. The host's own libraries stay as
# they are. Both ways create DIR/bin/node and DIR/env, which scripts/on-lavapipe.sh uses. A second run does nothing.
set -euo pipefail

main() {
  local dir=${1:-/opt/lavapipe}
  case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
  [ "$(uname -sm)" = 'Linux x86_64' ] || fail "this is $(uname -sm), expected Linux x86_64"
  command -v node >/dev/null || fail 'no node in PATH'
  if ! ready "$dir"; then
    [ "$(id -u)" = 0 ] || fail 'needs root to install packages; without root: sadaan-gpu doctor --install-software-gpu'
    command -v apt-get >/dev/null || fail 'no apt-get; this script is for Debian and Ubuntu'
    export DEBIAN_FRONTEND=noninteractive
    mkdir -p "$dir/bin"
    if is_new_debian; then into_this_system "$dir"; else into_a_root "$dir"; fi
    ready "$dir" || fail "$dir/bin/node does not start"
  fi
  echo 'lavapipe is ready. For one command:'
  echo "  scripts/on-lavapipe.sh $dir npx vitest run"
  echo 'For this shell:'
  echo "  set -a; . $dir/env; PATH=$dir/bin:\$PATH; set +a"
}

fail() {
  echo "lavapipe.sh: $1" >&2
  exit 1
}

# DIR/env is written last; after an update of the host's node, the copy is stale
ready() { [ -f "$1/env" ] && [ "$("$1/bin/node" --version)" = "$(node --version)" ]; }

is_new_debian() (
  . /etc/os-release
  [ "${ID:-}" = debian ] && [ "${VERSION_ID:-0}" -ge 13 ]
)

into_this_system() {
  local dir=$1 codename mirror from=()
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  mirror=$(debian_mirror)
  apt-get update -qq
  if [ "$codename" = trixie ] && [ -n "$mirror" ] && ! apt-cache policy | grep -q 'n=trixie-backports'; then
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie-backports main" \
      >/etc/apt/sources.list.d/trixie-backports.list
    apt-get update -qq
  fi
  if apt-cache policy | grep -q "n=$codename-backports"; then from=(-t "$codename-backports"); fi
  apt-get install -y -qq --no-install-recommends "${from[@]}" mesa-vulkan-drivers libvulkan1 >&2
  ln -sfn "$(node -p process.execPath)" "$dir/bin/node"
  write_env "$dir" "$(driver_description /usr/share/vulkan/icd.d)"
}

into_a_root() {
  local dir=$1 root=$1/root libraries=$1/root/usr/lib/x86_64-linux-gnu
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends debootstrap debian-archive-keyring patchelf >&2
  [ -f "$dir/root-is-whole" ] || make_root "$dir"
  echo "deb $(sed -n 's/^deb \([^ ]*\) trixie main.*/\1/p' "$root/etc/apt/sources.list") trixie-backports main" \
    >"$root/etc/apt/sources.list.d/backports.list"
  # take over the host's proxy and date-check settings
  apt-config dump | grep -E '^Acquire::(https?|Check-|Retries)' >"$root/etc/apt/apt.conf.d/host" || true
  chroot "$root" apt-get update -qq
  chroot "$root" apt-get install -y -qq --no-install-recommends -t trixie-backports \
    mesa-vulkan-drivers libvulkan1 libstdc++6 >&2
  # Patch a copy of node to use the root's loader and libraries, instead of calling the root's loader with node as its
  # argument: process.execPath must be node, and child processes must use the same libraries. Unlike a RUNPATH, an RPATH
  # also applies to the libraries that these libraries load.
  cp "$(node -p process.execPath)" "$dir/bin/node.new"
  patchelf --set-interpreter "$root/lib64/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$libraries" "$dir/bin/node.new"
  mv "$dir/bin/node.new" "$dir/bin/node"
  sed "s#\"library_path\": *\"[^\"]*\"#\"library_path\": \"$libraries/libvulkan_lvp.so\"#" \
    "$(driver_description "$root/usr/share/vulkan/icd.d")" >"$dir/icd.json"
  write_env "$dir" "$dir/icd.json"
}

make_root() {
  local dir=$1 mirror
  mirror=$(debian_mirror)
  rm -rf --one-file-system "$dir/root"
  # without a mirror, debootstrap uses its default
  debootstrap --variant=minbase --include=ca-certificates trixie "$dir/root" ${mirror:+"$mirror"} >&2
  touch "$dir/root-is-whole"
}

# The host's own mirror, so that a machine behind a mirror keeps using it. Empty on anything but Debian.
debian_mirror() {
  (. /etc/os-release && [ "${ID:-}" = debian ]) || return 0
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -n 's/#.*//; /^deb \|^URIs:/p' | grep -oE 'https?://[^ ]+/debian/?( |$)' | sed -n '1s# *$##p' || true
}

driver_description() { find "$1" -name 'lvp_icd*.json' | sort | head -n 1; }

write_env() {
  local dir=$1 description=$2
  [ -n "$description" ] || fail 'mesa-vulkan-drivers does not contain lavapipe'
  {
    echo "VK_DRIVER_FILES=$description"
    # a fifth faster if the CPU has AVX-512
    if grep -q -w avx512f /proc/cpuinfo; then echo 'LP_NATIVE_VECTOR_WIDTH=${LP_NATIVE_VECTOR_WIDTH:-512}'; fi
  } >"$dir/env.new"
  mv "$dir/env.new" "$dir/env"
}

main "$@"
