import type { RemoteResult, Ssh } from '../io/ssh/ssh.ts'

/** How a scripted host answers. */
export interface ScriptedSystem {
  /** Text of `/etc/os-release`. */
  readonly osRelease: string
  readonly init: 'systemd' | 'openrc' | 'boot2docker' | 'none'
  /** Present before anything is done. */
  readonly files?: Readonly<Record<string, string>>
  /** Where dockerd is; absent: it comes with the first installation. */
  readonly engine?: string
  /** What `dockerd --version` says. */
  readonly engineVersion?: string
  /** Versions that the package manager lists, by package. */
  readonly versions?: Readonly<Record<string, readonly string[]>>
  /** Commands that fail when they hold this text, with what they say. */
  readonly failing?: Readonly<Record<string, string>>
  /** Names of running containers. */
  readonly containers?: readonly string[]
  /** Ports that get a listener with the start of the engine. */
  readonly port?: number
}

export interface ScriptedHost {
  readonly ssh: Ssh
  /** Commands and uploads in order, uploads as `put MODE PATH` with their lines indented. */
  readonly transcript: string[]
  readonly files: Map<string, string>
}

const good: RemoteResult = { code: 0, stdout: '', stderr: '' }
const uploadPattern = /cat > (\S+?)\.tmp'? && chmod (\d+) /

/** A host that answers over SSH as a system would, and writes down what it was told. Root, without sudo. */
export function scriptedHost(system: ScriptedSystem): ScriptedHost {
  const transcript: string[] = []
  const files = new Map(Object.entries(system.files ?? {}))
  let isInstalled = system.engine !== undefined
  let isStarted = false

  function upload(path: string, mode: string, content: string): RemoteResult {
    files.set(path, content)
    const shown = /BEGIN [A-Z ]+/.test(content) ? ['(PEM)'] : content.trimEnd().split('\n')
    transcript.push(`put ${mode} ${path}`, ...shown.map((line) => `    ${line}`))
    return good
  }

  function answer(command: string): RemoteResult {
    if (command === 'id -u') return { ...good, stdout: '0\n' }
    if (command.startsWith('cat /etc/os-release')) return { ...good, stdout: system.osRelease }
    const failing = Object.entries(system.failing ?? {}).find(([text]) => command.includes(text))
    if (failing !== undefined) return { code: 1, stdout: '', stderr: failing[1] }
    if (command.endsWith('command -v dockerd')) {
      return isInstalled ? { ...good, stdout: `${system.engine ?? '/usr/bin/dockerd'}\n` } : { ...good, code: 1 }
    }
    if (command.startsWith('docker ps')) return { ...good, stdout: (system.containers ?? []).join('\n') }
    if (command.includes(' --version'))
      return { ...good, stdout: `Docker version ${system.engineVersion ?? '28.5.2'}, build 1` }
    if (command.startsWith('if [ -d /run/systemd/system ]')) {
      return { ...good, stdout: system.init === 'none' || system.init === 'boot2docker' ? '' : `${system.init}\n` }
    }
    if (command.startsWith('grep -lE') && command.includes('ExecStart=')) {
      const others = [...files].filter(([path, text]) => path.endsWith('.conf') && /^ExecStart=/m.test(text))
      return {
        ...good,
        stdout: others
          .map(([path]) => `${path}\n`)
          .join('')
          .replace(/.*10-machine\.conf\n/, ''),
      }
    }
    const read = /^cat (\/\S+)$/.exec(command)
    if (read !== null) {
      const text = files.get(read[1] ?? '')
      return text === undefined ? { code: 1, stdout: '', stderr: 'No such file' } : { ...good, stdout: text }
    }
    if (command.startsWith('cat /proc/net/tcp')) {
      const port = (system.port ?? 2376).toString(16).toUpperCase().padStart(4, '0')
      return { ...good, stdout: isStarted ? `0: 00000000:${port} 00000000:0000 0A` : '' }
    }
    for (const [name, versions] of Object.entries(system.versions ?? {})) {
      const isListed = command.includes('madison') || command.includes('showduplicates') || command.includes('policy')
      if (isListed && command.includes(name)) return { ...good, stdout: `${versions.join('\n')}\n` }
    }
    if (/ (?:install|add|-S) |sh "\$file"/.test(command)) isInstalled = true
    if (/ (?:re)?start( |$)|setsid/.test(command)) isStarted = true
    // Nothing runs in the background that would have to be waited for.
    if (command.startsWith('[ -f /run/flotilla-engine.pid ]')) return { ...good, code: 1 }
    if (command.startsWith('command -v curl')) return { ...good, code: files.has('/usr/bin/curl') ? 0 : 1 }
    return good
  }

  const ssh: Ssh = {
    address: { host: '192.0.2.1', port: 22, user: 'root' },
    async run(command, o) {
      const put = uploadPattern.exec(command)
      if (put !== null) return upload((put[1] ?? '').replaceAll("'", ''), put[2] ?? '', String(o.input))
      if (!/^(?:cat \/proc|cat \/etc\/os-release|id -u)/.test(command)) transcript.push(`$ ${command}`)
      if (typeof o.input === 'string')
        transcript.push(
          ...o.input
            .trimEnd()
            .split('\n')
            .map((line) => `  < ${line}`),
        )
      return answer(command)
    },
    interact: async () => 0,
    close: async () => {},
  }
  return { ssh, transcript, files }
}
