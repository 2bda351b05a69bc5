/**
 * Pure: what a Debian tree needs to become the disk of machines. Nothing of one machine is in it; that comes with the
 * seed, which is read at every boot.
 */

export interface GuestFile {
  /** Path in the tree, without a leading slash. */
  readonly path: string
  readonly content: string
  readonly mode: number
}

/** Label of the file system of a seed; cloud-init looks for the same one. */
export const seedLabel = 'cidata'

const seedScript = `#!/bin/sh
# Makes this system the machine that its seed describes.
set -u
seed=/run/flotilla-seed
mkdir -p "$seed"
mount -o ro LABEL=${seedLabel} "$seed" 2>/dev/null || exit 0
if [ -s "$seed/hostname" ]; then
  name=$(cat "$seed/hostname")
  echo "$name" > /etc/hostname
  hostname "$name"
  printf '127.0.0.1 localhost\\n127.0.1.1 %s\\n::1 localhost\\n' "$name" > /etc/hosts
fi
if [ -s "$seed/authorized_keys" ]; then
  mkdir -p -m 0700 /root/.ssh
  cp "$seed/authorized_keys" /root/.ssh/authorized_keys
  chmod 0600 /root/.ssh/authorized_keys
fi
if [ -s "$seed/network" ]; then
  cp "$seed/network" /run/systemd/network/05-machine.network 2>/dev/null || {
    mkdir -p /run/systemd/network
    cp "$seed/network" /run/systemd/network/05-machine.network
  }
fi
umount "$seed"
ssh-keygen -A > /dev/null
# The disk of a machine is larger than the image it grew from.
resize2fs "$(findmnt -n -o SOURCE /)" > /dev/null 2>&1
exit 0
`

const seedUnit = `[Unit]
Description=Read the seed of this machine
DefaultDependencies=no
After=systemd-remount-fs.service local-fs.target systemd-udev-trigger.service
Before=network-pre.target systemd-networkd.service ssh.service sysinit.target
Wants=network-pre.target

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/flotilla-seed
RemainAfterExit=yes

[Install]
WantedBy=sysinit.target
`

export const guestFiles: readonly GuestFile[] = [
  { path: 'usr/local/sbin/flotilla-seed', content: seedScript, mode: 0o755 },
  { path: 'etc/systemd/system/flotilla-seed.service', content: seedUnit, mode: 0o644 },
  { path: 'etc/fstab', content: 'LABEL=root / ext4 errors=remount-ro 0 1\n', mode: 0o644 },
  {
    path: 'etc/systemd/network/80-dhcp.network',
    content: '[Match]\nName=en* eth*\n\n[Network]\nDHCP=ipv4\n\n[DHCPv4]\nUseDNS=yes\n',
    mode: 0o644,
  },
  // Passwords are never asked for: the only way in is the key of the machine.
  {
    path: 'etc/ssh/sshd_config.d/flotilla.conf',
    content: 'PasswordAuthentication no\nPermitRootLogin prohibit-password\nUseDNS no\n',
    mode: 0o644,
  },
  { path: 'etc/hostname', content: 'machine\n', mode: 0o644 },
  // The same on all machines would make them one for DHCP servers and the journal.
  { path: 'etc/machine-id', content: '', mode: 0o444 },
]

/** Symbolic links: path in the tree → what it points at. */
export const guestLinks: Readonly<Record<string, string>> = {
  'etc/systemd/system/sysinit.target.wants/flotilla-seed.service': '/etc/systemd/system/flotilla-seed.service',
  'etc/systemd/system/multi-user.target.wants/systemd-networkd.service': '/lib/systemd/system/systemd-networkd.service',
  ...Object.fromEntries(
    [
      'apt-daily.timer',
      'apt-daily-upgrade.timer',
      'dpkg-db-backup.timer',
      'e2scrub_all.timer',
      'fstrim.timer',
      'man-db.timer',
      'e2scrub_reap.service',
      'systemd-networkd-wait-online.service',
      'getty@tty1.service',
    ].map((unit) => [`etc/systemd/system/${unit}`, '/dev/null'] as const),
  ),
}

/** Files of the tree that every machine has to make for itself. */
export const guestSecrets: RegExp = /^ssh_host_/

/** Packages of the tree besides what is required of every Debian. */
export const guestPackages: readonly string[] = [
  'systemd-sysv',
  'udev',
  'dbus',
  'openssh-server',
  'docker.io',
  // The kernel has it, and then the engine starts no container without its tools.
  'apparmor',
  'iproute2',
  'iptables',
  'ca-certificates',
  'sudo',
  'curl',
  'kmod',
  'procps',
  'e2fsprogs',
]
