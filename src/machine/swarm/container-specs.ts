import { createHash } from 'node:crypto'
import type { SwarmOptions } from '../host.ts'
import { toList } from '../host.ts'

/** The containers of a classic swarm on one machine. Pure; docker/machine libmachine/provision/configure_swarm.go has the words. */

export interface SwarmPlace {
  /** How others reach the machine. */
  readonly address: string
  /** Port of its engine. */
  readonly enginePort: number
  /** Folder of the certificates on the host. */
  readonly optionsDir: string
  /** Environment of the engine, which the containers share. */
  readonly env: readonly string[]
}

/** A container that is to run. */
export interface SwarmContainer {
  readonly name: 'swarm-agent-master' | 'swarm-agent'
  readonly command: readonly string[]
  readonly env: readonly string[]
  readonly binds: readonly string[]
  /** TCP port that is published on all addresses of the machine. */
  readonly port: number | undefined
}

export const defaultSwarmImage = 'swarm:latest'

/** Marks what a container was made from, so that the same one is not made anew. */
export const specLabel = 'flotilla.swarm.spec'

/** The containers that the options ask for, the manager first. An agent has nothing to say to a discovery that is a list. */
export function listSwarmContainers(swarm: SwarmOptions, place: SwarmPlace): readonly SwarmContainer[] {
  if (!swarm.IsSwarm) return []
  return [
    ...(swarm.Master ? [manager(swarm, place)] : []),
    ...(swarm.Agent && !isListDiscovery(swarm.Discovery) ? [agent(swarm, place)] : []),
  ]
}

function manager(swarm: SwarmOptions, place: SwarmPlace): SwarmContainer {
  const port = readSwarmPort(swarm.Host)
  const folder = place.optionsDir
  return {
    name: 'swarm-agent-master',
    command: [
      ...(swarm.IsExperimental ? ['--experimental'] : []),
      'manage',
      '--tlsverify',
      `--tlscacert=${folder}/ca.pem`,
      `--tlscert=${folder}/server.pem`,
      `--tlskey=${folder}/server-key.pem`,
      '-H',
      swarm.Host,
      '--strategy',
      swarm.Strategy,
      '--advertise',
      joinPort(place.address, port),
      ...toList(swarm.ArbitraryFlags).map((flag) => `--${flag}`),
      swarm.Discovery,
    ],
    env: place.env,
    binds: [`${folder}:${folder}`],
    port,
  }
}

function agent(swarm: SwarmOptions, place: SwarmPlace): SwarmContainer {
  // What the ancestor stored and never used: the address the engine is known by.
  const address = swarm.Address === '' ? joinPort(place.address, place.enginePort) : withPort(swarm.Address, place)
  return {
    name: 'swarm-agent',
    command: [
      ...(swarm.IsExperimental ? ['--experimental'] : []),
      'join',
      '--advertise',
      address,
      ...toList(swarm.ArbitraryJoinFlags).map((flag) => `--${flag}`),
      swarm.Discovery,
    ],
    env: place.env,
    binds: [],
    port: undefined,
  }
}

function withPort(address: string, place: SwarmPlace): string {
  return /:\d+$/.test(address) ? address : joinPort(address, place.enginePort)
}

function joinPort(address: string, port: number): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`
}

/** `nodes://` and `file://` are lists that nobody can register with. */
export function isListDiscovery(discovery: string): boolean {
  return /^(?:nodes|file):\/\//.test(discovery)
}

/** The port of `--swarm-host`, 3376 when it has none. */
export function readSwarmPort(host: string): number {
  return Number(/:(\d+)\/?$/.exec(host)?.[1] ?? 3376)
}

/** The body of the create call. */
export function toCreateBody(
  container: SwarmContainer,
  image: string,
): Readonly<Record<string, unknown>> & { readonly Image: string } {
  const { command, env, binds, port } = container
  const exposed = port === undefined ? [] : [2375, port]
  return {
    Image: image,
    Cmd: command,
    Env: env,
    Labels: { [specLabel]: hashSpec(container, image) },
    ExposedPorts: Object.fromEntries(exposed.map((each) => [`${each}/tcp`, {}])),
    HostConfig: {
      RestartPolicy: { Name: 'always', MaximumRetryCount: 0 },
      ...(binds.length > 0 && { Binds: binds }),
      ...(port !== undefined && { PortBindings: { [`${port}/tcp`]: [{ HostIp: '0.0.0.0', HostPort: String(port) }] } }),
    },
  }
}

function hashSpec(container: SwarmContainer, image: string): string {
  return createHash('sha256')
    .update(JSON.stringify([container, image]))
    .digest('hex')
    .slice(0, 32)
}
