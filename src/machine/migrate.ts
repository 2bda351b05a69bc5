import { posix } from 'node:path'
import type { JsonObject, JsonValue } from '../core/exact-json.ts'

/** The installer docker-machine wrote into records that named none. */
const DEFAULT_INSTALL_URL = 'https://get.docker.com'

/**
 * Brings a record of `ConfigVersion` 0 to 2 to version 3, step by step.
 *
 * docker/machine libmachine/host/migrate*.go: which field moves where.
 */
export function migrateRecord(record: JsonObject, version: number, root: string): JsonObject {
  let current = record
  if (version < 1) current = fromZero(current)
  if (version < 2) current = fromOne(current, root)
  return fromTwo(current, root)
}

/** ≤ 0.1 kept everything in one flat object. */
function fromZero(old: JsonObject): JsonObject {
  return {
    ConfigVersion: 1,
    Driver: old['Driver'] ?? null,
    DriverName: old['DriverName'] ?? '',
    HostOptions: {
      Driver: '',
      Memory: 0,
      Disk: 0,
      EngineOptions: { TlsVerify: true, InstallURL: DEFAULT_INSTALL_URL },
      SwarmOptions: {
        Address: '',
        Discovery: old['SwarmDiscovery'] ?? '',
        Master: old['SwarmMaster'] ?? false,
        Host: old['SwarmHost'] ?? '',
      },
      AuthOptions: {
        StorePath: old['StorePath'] ?? '',
        CaCertPath: old['CaCertPath'] ?? '',
        ServerCertPath: old['ServerCertPath'] ?? '',
        ServerKeyPath: old['ServerKeyPath'] ?? '',
        ClientKeyPath: old['ClientKeyPath'] ?? '',
        PrivateKeyPath: old['PrivateKeyPath'] ?? '',
        ClientCertPath: old['ClientCertPath'] ?? '',
      },
    },
    StorePath: old['StorePath'] ?? '',
  }
}

/** The CA key got its own name, and the folder of certificates was first written down. */
function fromOne(old: JsonObject, root: string): JsonObject {
  const { StorePath: storePath, HostOptions: stored, ...others } = old
  const options = toObject(stored)
  const { PrivateKeyPath: caKey, ...auth } = toObject(options['AuthOptions'])
  const oldRoot = typeof storePath === 'string' && storePath !== '' ? posix.dirname(posix.dirname(storePath)) : root
  const driver = toObject(old['Driver'])
  return {
    ...others,
    ConfigVersion: 2,
    Name: driver['MachineName'] ?? old['Name'] ?? '',
    HostOptions: {
      ...options,
      AuthOptions: {
        ...auth,
        CertDir: posix.join(oldRoot, 'certs'),
        CaPrivateKeyPath: caKey ?? auth['CaPrivateKeyPath'] ?? '',
        StorePath: oldRoot,
      },
    },
  }
}

/** Drivers learned where the store is. */
function fromTwo(old: JsonObject, root: string): JsonObject {
  const driver = old['Driver']
  if (typeof driver !== 'object' || driver === null || Array.isArray(driver)) return { ...old, ConfigVersion: 3 }
  return { ...old, ConfigVersion: 3, Driver: { ...(driver as JsonObject), StorePath: root } }
}

function toObject(value: JsonValue | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
}
