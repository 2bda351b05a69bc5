import { FlotillaError } from '../../../core/errors.ts'
import { parseEndpoint } from '../../../engine/endpoint-parse.ts'
import { baseConfig } from '../../driver.ts'
import type { DriverConfig, DriverContext, DriverOptions } from '../../driver.ts'

/** Least memory an engine gets along with, in MB. */
const leastMemoryMb = 128
const name = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/

/**
 * Turns flags into a state. The outer engine is written down as it is now: after `eval $(docker-machine env NAME)`
 * the variables point at the machine itself.
 */
export function configureDocker(ctx: DriverContext, options: DriverOptions): DriverConfig {
  const cpus = options['docker-cpus'] ?? 0
  if (typeof cpus !== 'number' || !(cpus >= 0) || (cpus > 0 && cpus < 0.01)) {
    throw refusal(`--docker-cpus ${String(cpus)} is no number of CPUs such as 1.5`)
  }
  const memory = options['docker-memory'] ?? 0
  if (typeof memory !== 'number' || (memory !== 0 && memory < leastMemoryMb)) {
    throw refusal(`--docker-memory ${String(memory)} is too little: give ${leastMemoryMb} MB or more, or 0`)
  }
  const network = textOf(options, 'docker-network')
  if (!name.test(network) || ['bridge', 'host', 'none', 'default'].includes(network)) {
    throw refusal(`--docker-network ${JSON.stringify(network)} is no name for a network of machines`)
  }
  const volume = textOf(options, 'docker-volume')
  if (volume !== '' && !name.test(volume)) {
    throw refusal(`--docker-volume ${JSON.stringify(volume)} is no name of a volume`)
  }
  const image = textOf(options, 'docker-image')
  if (/\s/.test(image)) throw refusal(`--docker-image ${JSON.stringify(image)} is no reference of an image`)
  return {
    ...baseConfig(ctx),
    ...chooseOuter(ctx, options),
    Image: image,
    EngineRoot: textOf(options, 'docker-engine'),
    Cpus: cpus,
    MemoryMB: memory,
    Network: network,
    Volume: volume,
    IsPublished: options['docker-publish'] === true,
    EnginePort: 2376,
    ContainerID: '',
  }
}

function chooseOuter(ctx: DriverContext, options: DriverOptions): DriverConfig {
  const host = textOf(options, 'docker-host')
  const context = textOf(options, 'docker-context')
  if (host !== '' && context !== '') throw refusal('give --docker-host or --docker-context, not both')
  const fromEnvironment = context === '' ? (ctx.env['DOCKER_HOST'] ?? '') : ''
  const address = host === '' ? fromEnvironment : host
  if (address === '') return { OuterHost: '', OuterContext: context, OuterCertPath: '', OuterTLSVerify: false }
  try {
    parseEndpoint(address)
  } catch (error) {
    const source = host === '' ? 'DOCKER_HOST' : '--docker-host'
    throw new FlotillaError('machine/driver', `${source} ${JSON.stringify(address)} is no address of an engine`, {
      cause: error,
    })
  }
  return {
    OuterHost: address,
    OuterContext: '',
    OuterCertPath: ctx.env['DOCKER_CERT_PATH'] ?? '',
    OuterTLSVerify: (ctx.env['DOCKER_TLS_VERIFY'] ?? '') !== '',
  }
}

function textOf(options: DriverOptions, flag: string): string {
  const value = options[flag]
  return typeof value === 'string' ? value : ''
}

function refusal(text: string): FlotillaError {
  return new FlotillaError('machine/driver', text)
}
