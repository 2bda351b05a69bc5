import { composeVersion } from './personality.ts'

/** What the docker command asks of a plugin before it uses it (docker/cli cli-plugins/manager/metadata.go). */
export const pluginMetadata: Readonly<Record<string, string>> = {
  SchemaVersion: '0.1.0',
  Vendor: 'Flotilla',
  Version: `v${composeVersion}`,
  ShortDescription: 'Docker Compose',
  URL: '',
}

/** How a program that may be a plugin of the docker command was called. */
export type PluginCall =
  | { readonly kind: 'metadata' }
  | { readonly kind: 'run'; readonly argv: readonly string[]; readonly dockerConfig?: string }

const valued = new Set(['--config', '--context', '-c', '--host', '-H', '--log-level', '-l'])
const valuedTls = new Set(['--tlscacert', '--tlscert', '--tlskey'])
const switches = /^(?:-D|--(?:debug|tls|tlsverify)(?:=.*)?)$/

/**
 * Reads a command line the way docker-compose gets it as a plugin: the docker command hands on its whole line, its own
 * flags first, then the plugin's name. Any other line stays as it is.
 */
export function readPluginCall(argv: readonly string[]): PluginCall {
  if (argv[0] === 'docker-cli-plugin-metadata') return { kind: 'metadata' }
  const lead = /^__complete(?:NoDesc)?$/.test(argv[0] ?? '') ? 1 : 0
  const flags: string[] = []
  let dockerConfig: string | undefined
  for (let at = lead; at < argv.length; at += 1) {
    const word = argv[at] ?? ''
    if (word === 'compose') {
      const line = [...argv.slice(0, lead), ...flags, ...argv.slice(at + 1)]
      return { kind: 'run', argv: line, ...(dockerConfig !== undefined && { dockerConfig }) }
    }
    const [name = ''] = word.split('=', 1)
    if (switches.test(word)) flags.push(word)
    else if (valued.has(name) || valuedTls.has(name)) {
      const hasValue = word.includes('=')
      const value = hasValue ? word.slice(name.length + 1) : (argv[at + 1] ?? '')
      if (!hasValue) at += 1
      if (name === '--config') dockerConfig = value
      else flags.push(name, value)
    } else break
  }
  return { kind: 'run', argv }
}
