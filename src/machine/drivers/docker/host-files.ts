import type { CallOptions } from '../../../core/call.ts'
import type { Clock } from '../../../core/clock.ts'
import { FlotillaError } from '../../../core/errors.ts'
import { execProgram } from '../../../io/exec.ts'

/** Program → Debian package. Each is needed for an engine inside a container. */
const needed: Readonly<Record<string, string>> = {
  dockerd: 'docker.io',
  containerd: 'containerd',
  'containerd-shim-runc-v2': 'containerd',
  runc: 'runc',
  iptables: 'iptables',
  ip: 'iproute2',
  mount: 'mount',
  tar: 'tar',
  sh: 'dash',
}
/** Taken along where they are there: what dockerd calls, and what a person in a shell expects. */
const welcome: readonly string[] = [
  'docker-proxy',
  'docker-init',
  'tini',
  'docker',
  'ctr',
  'iptables-save',
  'iptables-restore',
  'ip6tables',
  'ip6tables-save',
  'ip6tables-restore',
  'umount',
  'modprobe',
  'xz',
  'gzip',
  'unpigz',
  'bash',
  ...'cat ls mkdir rm mv cp ln chmod chown sleep tail head grep sed tr cut sort wc ps kill id uname hostname env date'.split(
    ' ',
  ),
  ...'touch test true false stat df du free pidof setsid readlink dirname basename mktemp sync find'.split(' '),
]

/**
 * Prints the absolute path of each program there is, what it is linked with, and the plug-ins and certificates that go
 * with them, one a line. `!NAME` for a program that is missing.
 */
const script = `
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/libexec/docker:/usr/lib/docker
for name; do
  path=$(command -v "$name") || path=
  case $path in /*) ;; *) echo "!$name"; continue;; esac
  echo "$path"
  ldd "$path" 2>/dev/null | sed -n -e 's/^.*=> \\(\\/[^ ]*\\) (0x.*$/\\1/p' -e 's/^[[:space:]]*\\(\\/[^ ]*\\) (0x.*$/\\1/p'
done
libc=$(ldd "$(command -v sh)" | sed -n 's/^.*=> \\(\\/[^ ]*libc\\.so[^ ]*\\) (0x.*$/\\1/p')
for path in "\${libc%/*}"/libnss_files.so.2 "\${libc%/*}"/libnss_dns.so.2 "\${libc%/*}"/libresolv.so.2 \\
  /usr/lib/*/xtables /usr/lib/xtables /usr/lib64/xtables /etc/ssl/certs/ca-certificates.crt /etc/protocols /etc/services; do
  [ -e "$path" ] && echo "$path"
done
true
`

/**
 * Absolute paths of this computer's own engine, its helpers and what they are linked with.
 *
 * @throws {machine/driver} naming the programs that are missing
 */
export async function findHostFiles(clock: Clock, o: CallOptions): Promise<readonly string[]> {
  const names = [...Object.keys(needed), ...welcome]
  const { stdout } = await execProgram(['sh', '-c', script, 'sh', ...names], { ...o, clock })
  const lines = stdout.split('\n').filter((line) => line !== '')
  const missing = lines.flatMap((line) => (line.startsWith('!') && line.slice(1) in needed ? [line.slice(1)] : []))
  if (process.platform !== 'linux' || missing.length > 0) {
    const what = process.platform === 'linux' ? missing.join(', ') : 'Linux programs'
    throw new FlotillaError('machine/driver', `cannot make an image of this computer's own engine: no ${what} here`, {
      hint: `${packagesOf(missing)}give --docker-image, for instance docker:dind, or --docker-engine with a Debian release`,
    })
  }
  return [...new Set(lines.filter((line) => line.startsWith('/')))].toSorted()
}

function packagesOf(missing: readonly string[]): string {
  const packages = [...new Set(missing.map((name) => needed[name] ?? name))]
  return packages.length === 0 ? '' : `install ${packages.join(' ')} (names of Debian), or `
}
