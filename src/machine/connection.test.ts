import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { makeHost } from '../../test/conformance/store.ts'
import { makeCa } from '../io/certificates.ts'
import { systemClock } from '../io/clock.ts'
import { explainTls } from './connection.ts'
import type { AuthOptions } from './host.ts'
import { queryVersion } from './query-version.ts'

const folder = mkdtempSync(join(tmpdir(), 'flotilla-connection-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function writeFiles(): Promise<AuthOptions> {
  const wanted = { commonName: 'x', organization: 'x', keyKind: 'ecdsa' as const, nowMs: Date.now(), days: 1 }
  const { cert, key } = await makeCa(wanted)
  const paths = {
    CaCertPath: join(folder, 'ca.pem'),
    ClientCertPath: join(folder, 'cert.pem'),
    ClientKeyPath: join(folder, 'key.pem'),
  }
  for (const path of [paths.CaCertPath, paths.ClientCertPath]) writeFileSync(path, cert)
  writeFileSync(paths.ClientKeyPath, key)
  return { ...makeHost('web').options.AuthOptions, ...paths }
}

describe('why an engine cannot be spoken to', () => {
  it.each([
    ['CaCertPath', 'certificate'],
    ['ClientCertPath', 'certificate'],
    ['ClientKeyPath', 'private key'],
  ] as const)('a %s that is none is named', async (which, kind) => {
    const auth = await writeFiles()
    writeFileSync(auth[which], 'half a fi')
    const reason = `cannot read ${kind} "${auth[which]}": `
    expect(await explainTls(auth, new Error('Invalid CA'))).toContain(reason)
    await expect(queryVersion('tcp://127.0.0.1:1', auth, systemClock, {})).rejects.toThrow(
      `Unable to query docker version: ${reason}`,
    )
  })

  it('with good files it is what the connection said', async () => {
    expect(await explainTls(await writeFiles(), new Error('connection refused'))).toBe('connection refused')
  })
})
