/**
 * `flotilla/machine`: Docker hosts, in docker-machine's own store.
 *
 * Drivers and provisioners are loaded by name: `makeRegistry(builtins).load('driver', 'generic')` of `flotilla/plugin`.
 */
export { createHost } from './create.ts'
export type { CertificatePaths, CreateContext, HostWanted } from './create.ts'
export { toDriverContext } from './driver-context.ts'
export type { DriverSurroundings } from './driver-context.ts'
export { checkConnection, parseTcpUrl, readTls } from './connection.ts'
export { findUser } from './certs.ts'
export { baseConfig, readInteger, readText } from './driver.ts'
export type {
  Driver,
  DriverConfig,
  DriverContext,
  DriverDescriptor,
  DriverFactory,
  DriverOptions,
  EngineSetup,
  HostFile,
  HostState,
  ShellRequest,
  Snapshot,
  Snapshots,
  SshTarget,
} from './driver.ts'
export type { DriverProgram, ProgramContext } from './driver-programs/driver-program.ts'
export { openDriverProgram } from './driver-programs/find.ts'
export { renderEnv, toVariables } from './env.ts'
export type { MachineFacts, ShellVariable } from './env.ts'
export { checkHostName, isHostName } from './host.ts'
export type { AuthOptions, EngineOptions, Host, HostOptions, SwarmOptions } from './host.ts'
export { describeHosts } from './list.ts'
export type { HostRow, ListContext } from './list.ts'
export { killHost, restartHost, startHost, stopHost } from './power.ts'
export type { PowerContext } from './power.ts'
export type { OsRelease } from './provision/os-release.ts'
export type { ProvisionContext } from './provision/provision-host.ts'
export type { Provisioner } from './provision/provisioner.ts'
export { emptyAuthOptions, emptyEngineOptions, emptySwarmOptions, parseRecord, renderRecord } from './record.ts'
export { makeSampleImage, sampleImageName } from './sample-image.ts'
export { fileStore } from './store-files.ts'
export type { Store } from './store.ts'

export { FlotillaError, isFlotillaError } from '../core/errors.ts'
export type { CallOptions } from '../core/call.ts'
export type { Clock, Random } from '../core/clock.ts'
export type { FlagSpec, FlagTable } from '../core/flag.ts'
export { silentLog } from '../core/log.ts'
export type { Log } from '../core/log.ts'
export { systemClock } from '../io/clock.ts'
export { systemRandom } from '../io/random.ts'
export { openSsh } from '../io/ssh/openssh.ts'
export type { Ssh, SshAddress } from '../io/ssh/ssh.ts'
