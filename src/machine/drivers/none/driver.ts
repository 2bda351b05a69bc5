import { FlotillaError } from '../../../core/errors.ts'
import { baseConfig, readText } from '../../driver.ts'
import type { Driver, DriverConfig, DriverFactory } from '../../driver.ts'

/** docker/machine drivers/none: the engine exists, nothing is made, started or removed. */
export const noneFactory: DriverFactory = {
  async configure(ctx, options) {
    const url = typeof options['url'] === 'string' ? options['url'] : ''
    if (url === '') throw new FlotillaError('machine/driver', '--url option is required when no driver is selected')
    // The address keeps its port: `ip` has always printed it that way.
    const base = { ...baseConfig(ctx), SSHUser: '', SSHPort: 0, IPAddress: hostOf(url) }
    return { ...base, URL: url }
  },
  create: (_ctx, config) => noneDriver(config),
}

function noneDriver(config: DriverConfig): Driver {
  const refuse = (action: string) => async (): Promise<never> => {
    throw new FlotillaError('machine/driver', `hosts without a driver cannot be ${action}`)
  }
  return {
    precheck: async () => {},
    create: async () => {},
    state: async () => 'Running',
    start: refuse('started'),
    stop: refuse('stopped'),
    kill: refuse('killed'),
    restart: refuse('restarted'),
    remove: async () => {},
    address: async () => readText(config, 'IPAddress'),
    ssh: () => undefined,
    engineUrl: async () => readText(config, 'URL'),
    toConfig: () => config,
  }
}

/** What Go's `url.Parse` calls the host, port included; any text is accepted as an address. */
function hostOf(url: string): string {
  return /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#]*)/.exec(url)?.[1] ?? ''
}
