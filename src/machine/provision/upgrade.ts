import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { HostShell } from './host-shell.ts'
import { renderProxies } from './install-engine.ts'

/** Packages that hold an engine or what it runs on, in the distributions and in Docker's own repositories. */
const packages = [
  'docker-ce',
  'docker-ce-cli',
  'containerd.io',
  'docker.io',
  'containerd',
  'docker',
  'docker-engine',
  'moby-engine',
  'runc',
].join(' ')

const apt = 'DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q -y'

/** Brings up to date what is installed of an engine, and nothing else. Ends with 3 where no package manager is known. */
const script = `
set -e
names='${packages}'
rpms() { for name in $names; do rpm -q --qf '%{NAME}\\n' "$name" 2>/dev/null | grep -v 'not installed' || :; done; }
if command -v apt-get >/dev/null; then
  found="$(dpkg-query -W -f '\${db:Status-Abbrev} \${Package}\\n' $names 2>/dev/null | awk '/^ii/ { print $2 }')" || :
  [ -n "$found" ] || exit 4
  ${apt} update
  ${apt} -o Dpkg::Options::=--force-confold install --only-upgrade $found
elif command -v dnf >/dev/null || command -v yum >/dev/null; then
  found="$(rpms)"; [ -n "$found" ] || exit 4
  "$(command -v dnf || command -v yum)" -q -y upgrade $found
elif command -v zypper >/dev/null; then
  found="$(rpms)"; [ -n "$found" ] || exit 4
  zypper --non-interactive --quiet refresh
  zypper --non-interactive --quiet update $found
elif command -v pacman >/dev/null; then
  pacman -Qq docker >/dev/null 2>&1 || exit 4
  pacman -Sy --noconfirm docker
elif command -v apk >/dev/null; then
  apk info -e docker >/dev/null || exit 4
  apk --wait 300 update -q
  apk --wait 300 add -q -u docker
elif command -v tdnf >/dev/null; then
  found="$(rpms)"; [ -n "$found" ] || exit 4
  tdnf -q -y update $found
else
  exit 3
fi
`

/**
 * Brings the packages of the engine up to date. The engine goes on running as it is until it is restarted.
 *
 * @param env of the engine: its proxies are those of the package manager too
 * @throws {machine/provision} also when the engine does not come from a package
 */
export async function upgradePackages(shell: HostShell, env: readonly string[], o: CallOptions): Promise<void> {
  const proxies = renderProxies(env)
  // Over stdin, as when an engine is installed: they may hold passwords.
  const result = await (proxies === ''
    ? shell.run(script, o)
    : shell.run(`. /dev/stdin${script}`, { ...o, input: proxies }))
  if (result.code === 0) return
  if (result.code === 3 || result.code === 4) {
    const why = result.code === 3 ? 'the host has no package manager that is known' : 'it does not come from a package'
    throw new FlotillaError('machine/provision', `the engine cannot be upgraded: ${why}`)
  }
  const said = `${result.stdout}${result.stderr}`.trim().split('\n').slice(-10).join('\n')
  throw new FlotillaError('machine/provision', `the packages of the engine cannot be upgraded: ${said}`)
}
