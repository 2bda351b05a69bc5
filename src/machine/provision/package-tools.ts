/**
 * The package managers, as commands. Data: `{packages}`, `{package}`, `{version}`, and `{release}` for a version without its
 * epoch, are filled in, quoted for a shell.
 */
export interface PackageTool {
  readonly name: string
  /** Fetches the lists of packages. */
  readonly refresh: string
  readonly install: string
  /** Prints the versions of `{package}` that can be installed, one a line. */
  readonly versions: string
  /** A package of one version, as `install` takes it. */
  readonly pin: string
}

/** Seconds a tool waits for another package run: fresh cloud hosts update themselves for minutes. */
const lockSeconds = 300

const aptGet = `DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=${lockSeconds} -q -y`

export const apt: PackageTool = {
  name: 'apt',
  refresh: `${aptGet} update`,
  install: `${aptGet} --no-install-recommends --allow-downgrades -o Dpkg::Options::=--force-confold install {packages}`,
  versions: "apt-cache madison {package} | awk '{ print $3 }'",
  pin: '{package}={version}',
}

/** `dnf`, and `yum` where there is no other. */
const dnfCommand = '$(command -v dnf || command -v yum)'

export const dnf: PackageTool = {
  name: 'dnf',
  refresh: `${dnfCommand} -q -y makecache`,
  install: `${dnfCommand} -q -y install {packages}`,
  versions: `${dnfCommand} -q list --showduplicates {package} 2>/dev/null | awk -v name={package} 'index($1, name ".") == 1 { print $2 }'`,
  // The epochs of one release differ: docker-ce has 3, docker-ce-cli has 1.
  pin: '{package}-{release}',
}

const zypperCommand = `ZYPP_LOCK_TIMEOUT=${lockSeconds} zypper --non-interactive --quiet`

export const zypper: PackageTool = {
  name: 'zypper',
  refresh: `${zypperCommand} refresh`,
  install: `${zypperCommand} install --no-recommends --oldpackage {packages}`,
  versions: `${zypperCommand} search --details --match-exact {package} | awk -F '|' '$3 ~ /package/ { gsub(/ /, "", $4); print $4 }'`,
  pin: '{package}={version}',
}

export const pacman: PackageTool = {
  name: 'pacman',
  refresh: 'pacman -Sy --noconfirm',
  install: 'pacman -S --noconfirm --needed {packages}',
  versions: "pacman -Si {package} | awk '/^Version/ { print $3 }'",
  // Arch keeps no older versions.
  pin: '{package}',
}

export const apk: PackageTool = {
  name: 'apk',
  refresh: `apk --wait ${lockSeconds} update -q`,
  install: `apk --wait ${lockSeconds} add -q {packages}`,
  versions: 'apk policy {package} | awk \'/^  [0-9]/ { sub(":$", "", $1); print $1 }\'',
  pin: '{package}={version}',
}

export const tdnf: PackageTool = {
  name: 'tdnf',
  refresh: 'tdnf -q -y makecache',
  install: 'tdnf -q -y install {packages}',
  versions: 'tdnf -q list {package} | awk -v name={package} \'index($1, name ".") == 1 { print $2 }\'',
  pin: '{package}-{release}',
}
