import { FlotillaError } from './errors.ts'
import { goQuote } from './goquote.ts'

/**
 * Every place of the program at which a test can make it fail: one before and one after each write that must survive,
 * and each engine call that has a side effect. Name → what has just happened, or is about to.
 */
export const failpoints = {
  'compose.beforeStep': 'a step of a plan is about to make its call',
  'compose.afterStep': 'the call of a step has been answered; nobody has been told',
  'create.beforePlace': 'a create was read and understood; no place is taken yet',
  'create.afterPlace': 'a place is taken in memory; no engine has been asked',
  'create.beforeEngineCall': 'the create is about to be sent to the chosen engine',
  'create.afterEngineReply': 'the engine has made the container; the client has not been told',
  'create.beforeReply': 'the container is in the state; the client is about to be told',
  'docker.afterContainer': 'the container of a machine is made, not started; the record does not name it',
  'docker.afterContainerStart': 'the container of a machine runs; the record does not name it',
  'docker.afterFiles': 'certificates and command line are in the container; its engine is not started with them',
  'docker.afterImage': 'the image of machines is in the outer engine; there is no network and no container',
  'docker.afterNetwork': 'the network of machines is there; no container is in it',
  'file.afterTmpWrite': 'the new version of a file is written beside the old one',
  'file.afterRename': 'the new version has taken the place of the old one; the folder is not synced',
  'machine.afterRecord': 'the record of a new machine is written; its driver has not been asked',
  'machine.beforeCheckpoint': 'the driver has made a part of the machine; the record does not say so',
  'machine.afterCheckpoint': 'the record says what the driver has made so far',
  'machine.afterDriver': 'the driver has made the machine; what it learned is not stored',
  'machine.afterSave': 'what the driver learned is stored; the machine is not provisioned',
  'machine.afterCertificates': 'the certificate of the engine is issued; the host has not been touched',
  'machine.afterInstall': 'the engine is installed on the host; its files are not there',
  'machine.afterUpload': 'the certificates are on the host; the engine is stopped and not configured',
  'machine.afterConfigure': 'the command line of the engine is in place; it is not started',
  'machine.afterStart': 'the engine listens; nobody has tried it',
  'machine.afterProvision': 'the engine is set up; the record still says that the creation is under way',
  'qemu.afterDisk': 'the disk of a virtual machine is made; there is no key and no seed',
  'qemu.afterProcess': 'the process of a virtual machine runs; nothing is written down of it',
  'qemu.afterSeed': 'key and seed of a virtual machine are made; no process runs',
  'rotate.afterNew': 'the new authority is made; nobody trusts it yet',
  'rotate.afterTrust': 'clients trust both authorities; no engine does',
  'rotate.afterEngine': 'one engine has a certificate of the new authority and trusts both',
  'rotate.afterClients': 'the client pair is of the new authority; engines still trust the old one as well',
  'move.beforeClaim': 'a container is to be made anew; its record does not say where yet',
  'move.afterClaim': 'the record says where the container is being made; no engine has been asked',
  'move.afterCreate': 'the new container is made, not started; the record says only where',
  'move.beforeRecord': 'the new container runs; the record still names the old one',
  'move.afterRecord': 'the record names the new container; the old one may still be there',
  'request.beforeHandler': 'the endpoint has found the handler of a request',
} as const

export type FailpointName = keyof typeof failpoints

/** What happens at an armed point. */
export type FailpointAction =
  /** SIGKILL of the own process. */
  | { readonly kind: 'kill' }
  /** An exception that nobody catches. */
  | { readonly kind: 'panic' }
  | { readonly kind: 'error'; readonly message: string }
  | { readonly kind: 'sleep'; readonly ms: number }
  /** The place goes on with this value instead of the real one, where it can. */
  | { readonly kind: 'return'; readonly value: unknown }

export interface ArmedFailpoint {
  readonly name: FailpointName
  readonly action: FailpointAction
  /** The first time the point is passed at which the action happens, from 1. */
  readonly fromHit: number
}

const entryPattern = /^([A-Za-z.]+)=(?:(\d+)\*)?(kill|panic|error|sleep|return)(?:\((.*)\))?$/

/**
 * Reads `NAME=ACTION;NAME=ACTION`: `store.afterTmpWrite=kill;create.beforeReply=3*sleep(5000)`. The number before the star
 * says from which pass on.
 *
 * @throws {cli/invalid-environment} naming the entry
 */
export function parseFailpoints(text: string): readonly ArmedFailpoint[] {
  return text
    .split(';')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map(parseEntry)
}

function parseEntry(entry: string): ArmedFailpoint {
  const match = entryPattern.exec(entry)
  const name = match?.[1] ?? ''
  if (match === null) throw invalid(entry, 'expected NAME=kill, panic, error(TEXT), sleep(MS) or return(JSON)')
  if (!Object.hasOwn(failpoints, name)) throw invalid(entry, `there is no failpoint ${goQuote(name)}`)
  return {
    name: name as FailpointName,
    action: parseAction(entry, match[3] ?? '', match[4] ?? ''),
    fromHit: Number(match[2] ?? '1'),
  }
}

function parseAction(entry: string, kind: string, argument: string): FailpointAction {
  switch (kind) {
    case 'kill':
    case 'panic':
      return { kind }
    case 'error':
      return { kind, message: argument }
    case 'sleep':
      if (!/^\d{1,9}$/.test(argument)) throw invalid(entry, 'sleep wants milliseconds')
      return { kind, ms: Number(argument) }
    default:
      try {
        return { kind: 'return', value: JSON.parse(argument) as unknown }
      } catch (error) {
        throw invalid(entry, 'return wants JSON', error)
      }
  }
}

function invalid(entry: string, problem: string, cause?: unknown): FlotillaError {
  return new FlotillaError('cli/invalid-environment', `FLOTILLA_FAILPOINTS: ${goQuote(entry)}: ${problem}`, { cause })
}
