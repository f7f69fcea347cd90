#!/bin/bash
# Pid 1 of the guest (bash): mounts, udev, cameras, then the one command, then off.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
mkdir -p /dev/pts /dev/shm
while read -r type options dir; do mount -t "$type" -o "$options" "$type" "$dir"; done <<M
proc rw /proc
sysfs rw /sys
tmpfs mode=1777 /tmp
tmpfs mode=755 /run
devpts rw /dev/pts
tmpfs mode=1777 /dev/shm
tracefs rw /sys/kernel/tracing
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
# Bytecode is kept, but not in the shared folder.
export PYTHONPATH=$WORKDIR:/opt/site PYTHONPYCACHEPREFIX=/run/pycache CAMGUARD_GUEST=1
# What pip would install as the command of the project.
printf '%s\n' '#!/usr/bin/python3' 'import sys' 'from camguard.cli import main' 'sys.exit(main())' >/usr/local/bin/camguard
chmod 755 /usr/local/bin/camguard

/lib/systemd/systemd-udevd --daemon
# shellcheck disable=SC2086  # several arguments, or none
[ "$VIVID" = no ] || modprobe vivid $VIVID
if [ -n "$UVC" ]; then
    modprobe -a vhci_hcd uvcvideo
    mkfifo -m 600 /run/usbcam.ctl
    python3 /vm/usbcam.py </dev/null >/run/usbcam.log 2>&1 &
    for _ in $(seq 150); do ls -d /sys/bus/usb/drivers/uvcvideo/*/video4linux >/dev/null 2>&1 && break; sleep .1; done
fi
udevadm settle --timeout=20

cd "$WORKDIR" || exit
cut -d' ' -f1 /proc/uptime >/vm/uptime
setsid -w bash /vm/command </dev/null >/dev/vport*p1 2>/dev/vport*p2
echo $? >/vm/status
sync; echo o >/proc/sysrq-trigger; sleep 60
