import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import type { Log } from '../../core/log.ts'
import type { EngineSetup } from '../driver.ts'
import type { HostShell } from './host-shell.ts'
import type { OsRelease } from './os-release.ts'

/** A host whose operating system is known. */
export interface ProvisionTarget {
  readonly shell: HostShell
  readonly os: OsRelease
  readonly log: Log
  readonly clock: Clock
}

/** What the engine of the host is to be. */
export interface EngineWanted {
  /** Written for `/etc/docker`; provisioners with another folder move it there. */
  readonly setup: EngineSetup
  /** TCP port in `setup.args`. */
  readonly port: number
  /** Version of the engine, or the beginning of one; empty: what is there, else the newest. */
  readonly version: string
  /** Script that installs an engine, a URL; empty: packages. */
  readonly installUrl: string
  /** Brings the packages of the engine up to date, which may restart it; absent: they stay as they are. */
  readonly upgrade?: (shell: HostShell, o: CallOptions) => Promise<void>
}

/** Turns a reachable operating system into a running, TLS-protected engine. */
export interface Provisioner {
  /** As in `Provisioning with NAME...`. */
  readonly name: string
  /** Names of the systems it knows, for the message when none matches. */
  readonly systems: readonly string[]
  /** Folder of the certificates on the host; absent: `/etc/docker`. */
  readonly optionsDir?: string
  /** Pure. A derivative that no provisioner knows is asked about once more under each of its ID_LIKE names, without version. */
  matches(os: OsRelease): boolean
  /**
   * Installs an engine where there is none, writes its files and (re)starts it. May be run again on the same
   * host; files it does not own are left as they are.
   * @throws {machine/provision} with the last lines the host had to say
   */
  provision(target: ProvisionTarget, wanted: EngineWanted, o: CallOptions): Promise<void>
}
