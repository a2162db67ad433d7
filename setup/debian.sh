#!/usr/bin/env bash
# Installs the Debian packages that Holdfast runs on. Says what it does; does nothing when all are there.
set -euo pipefail

packages=(openvswitch-switch docker.io iproute2 iptables nftables busybox-static libatomic1 procps ethtool iputils-ping tcpdump)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "holdfast: these packages are missing and only root can install them: ${missing[*]}" >&2
  exit 1
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >/dev/null
apt-get install -q -y --no-install-recommends "${missing[@]}" >/dev/null
