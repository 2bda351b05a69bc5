import { promises as fs } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import type { CertificatePair } from '../../io/certificates.ts'
import { requestWeb } from '../../io/http/web.ts'
import type { Fleet } from '../../machine/drivers/local/fleet.ts'
import { startService } from './store-service.ts'
import type { ServicePlan } from './store-service.ts'
import type { LabService } from './types.ts'

/** How the lab's registry is run. */
export interface RegistryPlan {
  /** Lines of an htpasswd file; empty: everybody may push and pull. */
  readonly users: string
  /** Makes the certificate of an address; absent: plain HTTP. */
  readonly tls?: { readonly ca: string; readonly pair: (ip: string) => Promise<CertificatePair> }
}

const registry = ({ users, tls }: RegistryPlan, clock: Clock): ServicePlan => {
  // One of each kind may run at the same address.
  const port = tls === undefined ? 5000 : 5443
  return {
    name: tls === undefined ? 'registry' : 'registry-tls',
    packages: { name: 'docker-registry', suite: 'bookworm', packages: ['docker-registry'] },
    port,
    command: async (tree, host, data) => {
      const config = join(data, 'registry.yml')
      const storage = { filesystem: { rootdirectory: join(data, 'images') }, delete: { enabled: true } }
      const path = join(data, 'htpasswd')
      await fs.writeFile(path, users)
      const auth = users === '' ? {} : { auth: { htpasswd: { realm: 'lab', path } } }
      const http = { addr: `${host}:${port}`, ...(tls && { tls: await writePair(await tls.pair(host), data) }) }
      // JSON is YAML.
      await fs.writeFile(config, JSON.stringify({ version: 0.1, storage, http, ...auth }))
      return [join(tree, 'usr/bin/docker-registry'), 'serve', config]
    },
    isReady: async (host) => {
      const scheme = tls === undefined ? 'http' : 'https'
      const url = `${scheme}://${host}:${port}/v2/`
      const trust = tls === undefined ? {} : { tls: { ca: tls.ca } }
      const { body } = await requestWeb({ method: 'GET', url, ...trust }, { deadlineMs: 2000 }, clock)
      return /^\{\}\s*$|UNAUTHORIZED/.test(body)
    },
  }
}

async function writePair(pair: CertificatePair, folder: string): Promise<{ certificate: string; key: string }> {
  const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  await fs.writeFile(certificate, pair.cert)
  await fs.writeFile(key, pair.key, { mode: 0o600 })
  return { certificate, key }
}

/** Starts a real image registry. */
export async function startRegistry(
  plan: RegistryPlan,
  fleet: Fleet,
  directory: string,
  clock: Clock,
): Promise<LabService> {
  return startService(registry(plan, clock), fleet, directory, clock)
}
