import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { codeOf } from '../../io/files.ts'
import { openFleet } from '../../machine/drivers/local/fleet.ts'
import type { Fleet } from '../../machine/drivers/local/fleet.ts'
import { isAlive, readIdentity } from '../../io/process-identity.ts'
import type { ProcessIdentity } from '../../io/process-identity.ts'
import { readRecord, writeRecord } from '../../machine/drivers/local/state-file.ts'

/** Labs take 10.214.0.0/24, 10.214.1.0/24 and so on. */
const firstOctets = '10.214'

/** Who a lab belongs to; when that process is gone the lab is litter. */
interface OwnerRecord {
  readonly owner: ProcessIdentity
}

/** A directory without an owner is younger than this when its lab is just being made. */
const claimMs = 60_000

/** Where labs are kept: `$FLOTILLA_LAB_DIR`, else under /var/tmp, which is a disk and not memory. */
export function labRoot(env: Readonly<Record<string, string | undefined>>): string {
  const own = env['FLOTILLA_LAB_DIR']
  return own !== undefined && own !== '' ? own : '/var/tmp/flotilla-lab'
}

/** A subnet and directory taken for one lab. */
export interface LabPlace {
  readonly directory: string
  readonly subnet: string
}

/** Takes the first subnet that neither another lab nor the machine has. */
export async function claimPlace(root: string): Promise<LabPlace> {
  await mkdir(root, { recursive: true, mode: 0o711 })
  const taken = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((entry) => entry.address))
  for (let third = 0; third < 256; third += 1) {
    const network = `${firstOctets}.${third}`
    if (taken.some((address) => address.startsWith(`${network}.`))) continue
    const directory = join(root, `${network}.0`)
    try {
      // The directory that holds all labs goes with the last one, perhaps right now.
      await mkdir(root, { recursive: true, mode: 0o711 })
      await mkdir(directory, { mode: 0o711 })
    } catch (error) {
      if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOENT') continue
      throw error
    }
    await saveOwner(directory)
    return { directory, subnet: `${network}.0/24` }
  }
  throw new Error('no subnet is left for another lab')
}

async function saveOwner(directory: string): Promise<void> {
  const owner = await readIdentity(process.pid)
  if (owner !== undefined) await writeRecord(join(directory, 'owner.json'), { owner })
}

export async function openLabFleet(place: LabPlace, clock: Clock): Promise<Fleet> {
  return openFleet({ directory: place.directory, subnet: place.subnet, hasNat: false, clock })
}

/** Takes down a lab by its directory alone: hosts, network, programs, files. */
async function tearDown(place: LabPlace, clock: Clock): Promise<void> {
  await (await openLabFleet(place, clock)).takeDown()
}

/** Takes down labs whose runner is gone, as after a power cut or a kill of the watchdog too. */
export async function sweepLabs(root: string, clock: Clock): Promise<readonly string[]> {
  const names = await readdir(root).catch(() => [])
  const swept: string[] = []
  for (const name of names.filter((entry) => entry.startsWith(`${firstOctets}.`))) {
    const place = { directory: join(root, name), subnet: `${name}/24` }
    const record = await readRecord<OwnerRecord>(join(place.directory, 'owner.json')).catch(() => undefined)
    if (record === undefined ? await isYoung(place.directory, clock) : await isAlive(record.owner)) continue
    await tearDown(place, clock)
    await rm(place.directory, { recursive: true, force: true })
    swept.push(place.subnet)
  }
  return swept
}

async function isYoung(directory: string, clock: Clock): Promise<boolean> {
  const changedAtMs = await stat(directory).then(
    (entry) => entry.mtimeMs,
    () => clock.nowMs(),
  )
  return clock.nowMs() - changedAtMs < claimMs
}
