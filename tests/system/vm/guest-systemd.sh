# Sourced by guest-init.sh: hand over to systemd, which boots as on any machine, less what a machine for one command
# has no use for, and runs the command from a unit.
echo 0123456789abcdef0123456789abcdef >/etc/machine-id     # else it would be a first boot, with all presets applied

units=/run/systemd/system
mkdir -p $units
for unit in getty.target systemd-{update-done,journal-catalog-update,hwdb-update,sysusers,random-seed,boot-system-token} \
    systemd-{update-utmp,update-utmp-runlevel,pcrphase,pcrphase-sysinit,pcrphase-initrd,binfmt,remount-fs,timesyncd} \
    {apt-daily,apt-daily-upgrade,dpkg-db-backup,e2scrub_all,fstrim,systemd-tmpfiles-clean}.timer e2scrub_reap \
    modprobe@{configfs,efi_pstore,fuse,drm,dm_mod,loop} dev-{hugepages,mqueue}.mount \
    sys-{fs-fuse-connections,kernel-config,kernel-debug}.mount proc-sys-fs-binfmt_misc.automount mosquitto; do
    case $unit in *.*) ;; *) unit=$unit.service;; esac
    ln -sf /dev/null "$units/$unit"
done

cat >$units/vm-command.service <<U
[Unit]
Description=The command that this machine was started for
After=basic.target dbus.socket systemd-logind.service

[Service]
ExecStart=/bin/bash /vm/guest-command.sh
StandardOutput=journal+console
U
mkdir -p $units/multi-user.target.wants
ln -s ../vm-command.service $units/multi-user.target.wants/
exec /lib/systemd/systemd --unit=multi-user.target --show-status=false
