#!/bin/sh
# Becomes a systemd that has this machine's root file system, and keeps what it writes there in memory.
#
#   unshare --mount --pid --fork --kill-child --uts --ipc --cgroup --propagation private \
#       sh systemd_boot.sh [FOLDER INSIDE]...
#
# Each FOLDER appears as INSIDE; what is written to it stays in memory as well. The network is the caller's.
set -eu

layers=/run/huracan-spool-sandbox
mkdir -p $layers
mount -t tmpfs -o mode=755 tmpfs $layers
layer() { # LOWER PLACE NAME
    mkdir -p "$layers/$3-up" "$layers/$3-work" "$2"
    chmod --reference="$1" "$layers/$3-up"
    mount -t overlay -o "lowerdir=$1,upperdir=$layers/$3-up,workdir=$layers/$3-work" overlay "$2"
}
root=$layers/root
layer / $root root
number=0
while [ $# -gt 0 ]; do
    number=$((number + 1))
    layer "$1" "$root$2" "folder$number"
    shift 2
done

mount -t proc proc $root/proc
mount --bind $root/proc/sys $root/proc/sys
mount -o remount,bind,ro $root/proc/sys
mount -t sysfs -o ro sysfs $root/sys
mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs $root/run
mount -t tmpfs -o mode=1777 tmpfs $root/tmp
mount --rbind /dev $root/dev

# Only the journal and the temporary files of what this machine's boot would start, and nothing that asks for hardware.
find $root/etc/systemd/system $root/usr/lib/systemd/system $root/usr/local/lib/systemd/system -path '*.wants/*' \
    ! -name 'systemd-journald*' ! -name systemd-tmpfiles-setup.service -delete 2>/dev/null || true
for unit in systemd-udevd.service systemd-logind.service dbus.service dbus.socket systemd-remount-fs.service \
    systemd-tmpfiles-clean.timer getty.target; do
    ln -sf /dev/null $root/etc/systemd/system/$unit
done
mkdir -p $root/etc/systemd/system-generators $root/etc/systemd/journald.conf.d
for generator in $root/usr/lib/systemd/system-generators/*; do
    ln -sf /dev/null "$root/etc/systemd/system-generators/${generator##*/}"
done
printf '[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\n' >$root/etc/systemd/journald.conf.d/sandbox.conf
: >$root/etc/fstab
tr -d - </proc/sys/kernel/random/uuid >$root/etc/machine-id
touch $root/etc/.updated $root/var/.updated

cd $root
mkdir -p .before
pivot_root . .before
umount --lazy /.before
rmdir /.before
# As on a real machine: without it LoadCredential= gives the service an empty folder.
mount --make-rshared /
exec chroot . /lib/systemd/systemd --system --unit=multi-user.target </dev/null
