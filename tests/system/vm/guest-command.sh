#!/bin/bash
# Cameras, then the one command, then off. Udev runs by now; who started it and this makes no difference here.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
# shellcheck source=/dev/null
. /vm/conf
# Bytecode is kept, but not in the shared folder.
export PYTHONPATH=$WORKDIR:/opt/site PYTHONPYCACHEPREFIX=/run/pycache CAMGUARD_GUEST=1

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
