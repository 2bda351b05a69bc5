import { promises as fs } from 'node:fs'
import { join } from 'node:path'
import type { CallOptions } from '../core/call.ts'
import { FlotillaError, toMessage } from '../core/errors.ts'
import { crossSign, issueCertificate, makeCa } from '../io/certificates.ts'
import { failpoint } from '../io/failpoint.ts'
import { pathExists, readTextFile, writeFileAtomic } from '../io/files.ts'
import { withLock } from '../io/lock.ts'
import { caDays, chooseKeyKind, copyClient, leafDays, readCa, writePair } from './certs.ts'
import type { Driver } from './driver.ts'
import type { AuthOptions, Host } from './host.ts'
import { readInventory } from './inventory.ts'
import { readPem } from './pem.ts'
import { isAddressOnly, provisionHost, waitForEngine } from './provision/provision-host.ts'
import type { ProvisionContext } from './provision/provision-host.ts'
import { clearRotation, readRotation, rotationFiles, writeRotation } from './rotation-state.ts'
import type { RotationStage } from './rotation-state.ts'
import type { Store } from './store.ts'

export interface RotationContext extends ProvisionContext {
  readonly store: Store
  readonly openDriver: (host: Host) => Promise<Driver>
  /** Told of each machine whose files here have changed. */
  readonly onChanged?: (host: Host, driver: Driver) => Promise<void>
}

export interface RotationOptions extends CallOptions {
  /** Stop while both authorities are trusted: for clients elsewhere that hold copies of the old pair. The next call ends it. */
  readonly keepsOld: boolean
}

type StoreAuth = Pick<AuthOptions, 'CertDir' | 'CaCertPath' | 'CaPrivateKeyPath' | 'ClientCertPath' | 'ClientKeyPath'>

/**
 * Replaces the store's certificate authority. At no moment does a client refuse an engine, or an engine a client: first clients
 * trust both authorities, then engines do, then the client pair changes hands (its key stays, so that a reader of the two files never
 * finds them at odds), and only then is the old authority forgotten. Interrupted at any point it goes on from there. Each engine is
 * restarted twice, one machine after another.
 *
 * @throws {machine/provision} when engines could not be reached; both authorities are trusted until the next call
 */
export async function rotateCa(ctx: RotationContext, o: RotationOptions): Promise<void> {
  const auth = storeAuth(ctx.store.root)
  const files = rotationFiles(auth.CertDir)
  if (!(await pathExists(auth.CaCertPath))) {
    throw new FlotillaError(
      'machine/certificate',
      `there is no certificate authority to replace: ${auth.CaCertPath} is missing`,
    )
  }
  const lock = {
    clock: ctx.clock,
    waitMs: 0,
    subject: 'the certificate authority',
    ...(o.signal && { signal: o.signal }),
  }
  await withLock(files.lock, lock, async () => {
    let state = await readRotation(auth.CertDir)
    if (state === undefined) {
      await makeNew(auth, ctx)
      state = { version: 1, stage: 'trust', done: [] }
      await writeRotation(auth.CertDir, state)
      await failpoint('rotate.afterNew')
    } else {
      ctx.log.info('Going on with the rotation that was interrupted')
    }
    const enter = async (stage: RotationStage): Promise<void> =>
      writeRotation(auth.CertDir, { version: 1, stage, done: [] })
    if (state.stage === 'trust') {
      ctx.log.info('Clients come to trust both authorities...')
      await trustBoth(auth, ctx)
      await enter('engines')
      await failpoint('rotate.afterTrust')
    }
    if (state.stage === 'trust' || state.stage === 'engines') {
      await provisionAll('engines', auth, ctx, o)
      await enter('clients')
    }
    if (state.stage !== 'forget') {
      ctx.log.info('Issuing the client certificate...')
      await certifyClient(auth, ctx)
      await enter('forget')
      await failpoint('rotate.afterClients')
    }
    // Asked for twice it is kept twice; once forgetting has begun there is nothing left to keep.
    if (o.keepsOld && (await pathExists(files.cross))) {
      ctx.log.info('Both authorities are trusted. Run this once more, without --keep-old-ca, to forget the old one.')
      return
    }
    await fs.rm(files.cross, { force: true })
    await writeFileAtomic(auth.CaCertPath, await readPem(files.newCert), 0o644)
    await copyToMachines(auth, ctx)
    await provisionAll('forget', auth, ctx, o)
    await clearRotation(auth.CertDir)
  })
  ctx.log.info('The certificate authority is replaced')
}

function storeAuth(root: string): StoreAuth {
  const certDir = join(root, 'certs')
  return {
    CertDir: certDir,
    CaCertPath: join(certDir, 'ca.pem'),
    CaPrivateKeyPath: join(certDir, 'ca-key.pem'),
    ClientCertPath: join(certDir, 'cert.pem'),
    ClientKeyPath: join(certDir, 'key.pem'),
  }
}

async function makeNew(auth: StoreAuth, ctx: RotationContext): Promise<void> {
  const files = rotationFiles(auth.CertDir)
  const old = await readCa(auth)
  ctx.log.info('Creating the new CA...')
  // A name of its own: where two authorities share one, some libraries look at the first they find only.
  const day = new Date(ctx.clock.nowMs()).toISOString().slice(0, 19)
  const pair = await makeCa({
    commonName: `docker-machine CA of ${ctx.user} ${day}`,
    organization: ctx.user,
    keyKind: await chooseKeyKind(ctx, auth.CaPrivateKeyPath),
    nowMs: ctx.clock.nowMs(),
    days: caDays,
  })
  await writePair(pair, files.newCert, files.newKey)
  await writeFileAtomic(files.oldCert, old.cert, 0o644)
  await writeFileAtomic(files.cross, crossSign(old, pair, { nowMs: ctx.clock.nowMs(), days: leafDays }), 0o644)
}

/** The certificates before the key: the key says which of them signs, so there is no moment at which they do not fit. */
async function trustBoth(auth: StoreAuth, ctx: RotationContext): Promise<void> {
  const files = rotationFiles(auth.CertDir)
  const both = `${await readPem(files.newCert)}${await readPem(files.oldCert)}`
  await writeFileAtomic(auth.CaCertPath, both, 0o644)
  await writeFileAtomic(auth.CaPrivateKeyPath, await readPem(files.newKey), 0o600)
  await copyToMachines(auth, ctx)
}

/** The old key with a new certificate. */
async function certifyClient(auth: StoreAuth, ctx: RotationContext): Promise<void> {
  const key = await readPem(auth.ClientKeyPath)
  const pair = await issueCertificate(await readCa(auth), {
    commonName: ctx.user,
    organization: `${ctx.user}.<bootstrap>`,
    keyKind: 'ecdsa',
    nowMs: ctx.clock.nowMs(),
    days: leafDays,
    usages: ['client'],
    names: [],
    key,
  })
  await writeFileAtomic(auth.ClientCertPath, pair.cert, 0o644)
  await copyToMachines(auth, ctx)
}

/** Machines of this authority; those of another are not concerned. */
async function listConcerned(auth: StoreAuth, ctx: RotationContext): Promise<readonly Host[]> {
  const { hosts, broken } = await readInventory(ctx.store)
  for (const { name, error } of broken) ctx.log.warn(`machine "${name}" is left out: ${toMessage(error)}`)
  return hosts.filter((host) => host.options.AuthOptions.CaCertPath === auth.CaCertPath)
}

async function copyToMachines(auth: StoreAuth, ctx: RotationContext): Promise<void> {
  for (const host of await listConcerned(auth, ctx)) {
    const folder = ctx.store.pathOf(host.name)
    if ((await readTextFile(join(folder, 'ca.pem'))) === undefined) continue
    await copyClient(host.options.AuthOptions, folder)
    if (ctx.onChanged === undefined) continue
    const driver = await ctx.openDriver(host).catch(() => undefined)
    if (driver !== undefined) await ctx.onChanged(host, driver)
  }
}

/** One machine after another, so that the fleet is never without engines. */
async function provisionAll(
  stage: 'engines' | 'forget',
  auth: StoreAuth,
  ctx: RotationContext,
  o: CallOptions,
): Promise<void> {
  const done = new Set((await readRotation(auth.CertDir))?.done)
  const failed: string[] = []
  for (const { name } of await listConcerned(auth, ctx)) {
    if (done.has(name)) continue
    try {
      await ctx.store.lock(name, async () => provisionOne(await ctx.store.load(name), ctx, o), o)
    } catch (error) {
      if (o.signal?.aborted === true) throw error
      failed.push(`${name}: ${toMessage(error)}`)
      continue
    }
    done.add(name)
    await writeRotation(auth.CertDir, { version: 1, stage, done: [...done] })
    await failpoint('rotate.afterEngine')
  }
  if (failed.length === 0) return
  throw new FlotillaError('machine/provision', failed.join('\n'), {
    hint: 'both authorities stay trusted; once the machines can be reached, or are removed, run this again',
  })
}

async function provisionOne(host: Host, ctx: RotationContext, o: CallOptions): Promise<void> {
  const driver = await ctx.openDriver(host)
  if (await isAddressOnly(driver, o)) return
  if ((await driver.state(o)) !== 'Running') {
    // A host that others switch on is not set up when it is: without this it would be left with the old authority for good.
    if (driver.restartCommand !== undefined) {
      throw new FlotillaError('machine/state', `Host "${host.name}" is not running`)
    }
    ctx.log.info(`"${host.name}" is off: its engine gets the new certificates when it is started`)
    return
  }
  ctx.log.info(`Renewing the engine of "${host.name}"...`)
  await provisionHost(host, driver, ctx.store.pathOf(host.name), ctx, o)
  await waitForEngine(host, driver, ctx, o)
}
