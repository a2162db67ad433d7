#!/usr/bin/env bash
# Installs the Debian packages that Holdfast runs on, or only those named. Says what it does; does nothing when all are there.
set -euo pipefail

packages=(openvswitch-switch docker.io iproute2 iptables nftables busybox-static libatomic1 procps ethtool iputils-ping tcpdump musl-tools)
[ $# -eq 0 ] || packages=("$@")

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "holdfast: these packages are missing and only root can install them: ${missing[*]}" >&2
  exit 1
fi
if ! command -v apt-get >/dev/null; then
  echo "holdfast: this machine has no apt-get; install what Debian calls: ${missing[*]}" >&2
  exit 1
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# A fresh machine may be busy with its own upgrades.
apt=(apt-get -q -o DPkg::Lock::Timeout=300)
"${apt[@]}" update >/dev/null
"${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null
