import { join } from 'node:path'
import type { MutualTls } from '../io/dial.ts'
import { writeFileAtomic } from '../io/files.ts'
import type { DriverConfig } from './driver.ts'
import type { AuthOptions, Host } from './host.ts'
import { emptyEngineOptions, emptySwarmOptions } from './record.ts'
import { existsError } from './store.ts'
import type { Store } from './store.ts'

/** An engine that somebody else set up. */
export interface Adoptee {
  readonly name: string
  readonly driverName: string
  readonly config: DriverConfig
  /** What the engine is called with; absent: nothing. */
  readonly tls?: Partial<MutualTls>
}

/**
 * Takes an engine into the store as it is: nothing is changed there. The certificates it is called with are copied into the
 * machine's folder.
 *
 * @throws {machine/exists}
 */
export async function adoptEngine(adoptee: Adoptee, store: Store): Promise<Host> {
  const { name, tls = {} } = adoptee
  const folder = store.pathOf(name)
  const host: Host = {
    name,
    driverName: adoptee.driverName,
    driver: adoptee.config,
    options: {
      Driver: '',
      Memory: 0,
      Disk: 0,
      EngineOptions: { ...emptyEngineOptions, TlsVerify: tls.cert !== undefined },
      SwarmOptions: emptySwarmOptions,
      AuthOptions: makeAuth(store.root, folder),
    },
  }
  return store.lock(name, async () => {
    if (await store.exists(name)) throw existsError(name)
    await store.create(host)
    try {
      const files = [
        ['ca.pem', tls.ca, 0o644],
        ['key.pem', tls.key, 0o600],
        ['cert.pem', tls.cert, 0o644],
      ] as const
      for (const [file, text, mode] of files)
        if (text !== undefined) await writeFileAtomic(join(folder, file), text, mode)
    } catch (error) {
      await store.remove(name)
      throw error
    }
    return host
  })
}

/** Everything lies with the machine: the store's authority has nothing to do with it. */
function makeAuth(root: string, folder: string): AuthOptions {
  return {
    CertDir: join(root, 'certs'),
    CaCertPath: join(folder, 'ca.pem'),
    CaPrivateKeyPath: join(folder, 'ca-key.pem'),
    CaCertRemotePath: '',
    ServerCertPath: join(folder, 'server.pem'),
    ServerKeyPath: join(folder, 'server-key.pem'),
    ClientKeyPath: join(folder, 'key.pem'),
    ServerCertRemotePath: '',
    ServerKeyRemotePath: '',
    ClientCertPath: join(folder, 'cert.pem'),
    ServerCertSANs: [],
    StorePath: folder,
  }
}
