#!/bin/sh
# First process of the guest: its arguments are Node and the program to run. The root is the machine's file system, read-only; whatever is
# written goes to memory.
export PATH=/run/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp NO_COLOR=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /run/bin /run/kernel/lib /run/machine

# Some programs insist on /tmp. A working copy there must be seen all the same.
repository=${0%/packages/*}
mount --bind / /run/machine
mount -t tmpfs tmpfs /tmp
mkdir -p "$repository"
mount --bind "/run/machine$repository" "$repository"

# The guest's modules are not where modprobe looks. The kernel asks for some by itself.
ln -s /usr/lib/uml/modules /run/kernel/lib/modules
printf '#!/bin/sh\nexec /sbin/modprobe -d /run/kernel "$@"\n' >/run/bin/modprobe
chmod 755 /run/bin/modprobe
echo /run/bin/modprobe >/proc/sys/kernel/modprobe
for module in ipv6 openvswitch vport_vxlan vxlan veth bridge 8021q; do
  modprobe "$module" || echo "# the guest has no module $module"
done
# This kernel has nftables without the families ip, ip6, inet and arp, so iptables must do without nftables, too.
mount --bind /usr/sbin/xtables-legacy-multi /usr/sbin/xtables-nft-multi

ip link set lo up
read -r uptime rest </proc/uptime
echo "# booted in $uptime s"
cd / && "$1" "$2"
read -r uptime rest </proc/uptime
echo "# ended after $uptime s"
echo o >/proc/sysrq-trigger
# The first process must not end before the power is off.
while :; do sleep 1; done
