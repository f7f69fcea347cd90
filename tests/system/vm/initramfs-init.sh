#!/bin/busybox sh
# The initramfs: load drivers, put a tmpfs over the read-only root, hand over to the init that this run brought along.
b=/bin/busybox
$b mount -t devtmpfs dev /dev
while read -r module; do $b insmod "/lib/$module" 2>/dev/null; done </lib/order
$b mount -t squashfs -o ro /dev/vda /ro || { echo "vm: no root file system"; $b poweroff -f; }
$b mount -t tmpfs -o mode=755 tmpfs /rw
$b mkdir /rw/up /rw/work
$b mount -t overlay -o lowerdir=/ro,upperdir=/rw/up,workdir=/rw/work overlay /new
$b mount -o move /dev /new/dev
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 vm /new/vm
exec $b switch_root /new /bin/bash /vm/guest-init.sh
