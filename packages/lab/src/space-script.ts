/** What the init script of a space is told. */
export interface SpaceScriptOptions {
  /** The host name in the space, e.g. `"host-1"`. */
  readonly name: string;
  /** The folder that becomes `/run`. */
  readonly runFolder: string;
  /** The folder that holds what is written to `/etc`, `/opt` and `/var/lib`. */
  readonly diskFolder: string;
}

/**
 * The shell script that turns fresh mount, network and UTS namespaces into a space of a lab, says `ready`, and then keeps the
 * namespaces alive as a sleeping process. When that process and all others inside have ended, the kernel removes everything
 * that the script has made: the mounts, the namespaces, the links.
 */
export function spaceScript({ name, runFolder, diskFolder }: SpaceScriptOptions): string {
  return `set -eu
exec 2>&1
echo ${name} > /proc/sys/kernel/hostname

# This namespace begins with copies of the machine's mounts. Copies of others' namespace files and container disks would keep
# them alive for as long as the lab lives. A copy goes by itself when its owner deletes the file that it lies on.
awk '$2 ~ "^(/var)?/run/" || $2 ~ "^/var/lib/" || $3 == "nsfs" { print $2 }' /proc/self/mounts | tac | while read -r copy; do
  umount --lazy "$copy" 2>/dev/null || true
done

# /run is per host: plugin, OVS and agent sockets, pid files. The lab reaches them from outside through ${runFolder}.
mount --bind ${runFolder} /run
mkdir -p /run/log /run/lock /run/home /run/docker/plugins /run/openvswitch

# /etc, /opt and /var/lib look like the machine's and keep what is written to themselves, on a real disk. Where that disk cannot carry
# an overlay, because it is one itself as in a container, memory has to do.
overlay() {
  mkdir -p $2/upper $2/work
  mount -t overlay overlay -o lowerdir=$1,upperdir=$2/upper,workdir=$2/work $1 2>$2/error
}
for folder in /etc /opt /var/lib; do
  disk=${diskFolder}/$(basename $folder)
  mkdir -p $disk
  overlay $folder $disk && continue
  mount -t tmpfs holdfast-lab $disk
  overlay $folder $disk || { cat $disk/error; exit 1; }
done
# A configuration of the machine's own daemons is not the lab's.
rm -rf /etc/cni /opt/cni /etc/openvswitch/conf.db /etc/openvswitch/.conf.db.~lock~ /etc/docker/daemon.json /etc/holdfast /var/lib/holdfast
# overlay2 cannot lie on an overlay.
for folder in /var/lib/docker /var/lib/containerd; do
  rm -rf $folder
  mkdir -p $folder
  mount -t tmpfs -o mode=0711 holdfast-lab $folder
done

# A sysfs that shows this network namespace, with the machine's cgroups where they were.
mkdir /run/cgroup
mount --rbind /sys/fs/cgroup /run/cgroup
mount -t sysfs sysfs /sys
mount --move /run/cgroup /sys/fs/cgroup
rmdir /run/cgroup

ip link set lo up
echo 1 > /proc/sys/net/ipv4/ip_forward
[ ! -e /proc/sys/net/ipv6/conf/all/forwarding ] || echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
echo ready
exec sleep infinity </dev/null >/dev/null 2>&1
`;
}
