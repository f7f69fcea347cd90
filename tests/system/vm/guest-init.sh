#!/bin/bash
# Pid 1 of the guest (bash) at first: mounts and shares. Then either systemd takes over, or udev is started here and
# the one command is run.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /dev/pts /dev/shm
while read -r type options dir; do mount -t "$type" -o "$options" "$type" "$dir"; done <<M
proc rw /proc
sysfs rw /sys
tmpfs mode=1777 /tmp
tmpfs mode=755 /run
devpts rw /dev/pts
tmpfs mode=1777 /dev/shm
tracefs rw /sys/kernel/tracing
securityfs rw /sys/kernel/security
bpf mode=700 /sys/fs/bpf
cgroup2 rw /sys/fs/cgroup
M
ln -sf /proc/self/fd /dev/fd; ln -sf fd/0 /dev/stdin; ln -sf fd/1 /dev/stdout; ln -sf fd/2 /dev/stderr
# shellcheck source=/dev/null
. /vm/conf

count=0
while read -r dir mode; do
    mkdir -p "$dir"
    # An account without rights must reach a share too, also one below /root.
    parent=$dir; while parent=$(dirname "$parent"); [ "$parent" != / ]; do chmod a+x "$parent" 2>/dev/null; done
    mount -t 9p -o "trans=virtio,version=9p2000.L,msize=262144,$mode" "share$count" "$dir"
    count=$((count + 1))
done </vm/shares
mount -t squashfs -o ro /dev/vdb /opt/site
# What pip would install as the command of the project. Not in /usr/local, where people install things.
printf '%s\n' '#!/usr/bin/python3' 'import sys' 'from camguard.cli import main' 'sys.exit(main())' >/usr/bin/camguard
chmod 755 /usr/bin/camguard

# shellcheck source=guest-systemd.sh
[ -z "$SYSTEMD" ] || . /vm/guest-systemd.sh
/lib/systemd/systemd-udevd --daemon
exec bash /vm/guest-command.sh
