import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readTrustedRoots } from './trusted-roots.ts'

const pem = (text: string): string => `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----`

describe('the authorities that are trusted', () => {
  let folder = ''
  const write = (name: string, ...texts: string[]): string => {
    const path = join(folder, name)
    writeFileSync(path, texts.map((text) => `# ${text}\n${pem(text)}\n`).join(''))
    return path
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'roots-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('are those of the system, unless the environment names others', async () => {
    const system = [join(folder, 'gone'), write('first', 'A', 'B'), write('second', 'C')]
    const own = write('own', 'X')
    expect(await readTrustedRoots({}, system)).toEqual([pem('A'), pem('B')])
    expect(await readTrustedRoots({ SSL_CERT_FILE: own }, system)).toEqual([pem('X')])
    expect(await readTrustedRoots({ SSL_CERT_DIR: `/nowhere:${folder}` }, system)).toEqual(
      ['A', 'B', 'X', 'C'].map(pem),
    )
    expect(await readTrustedRoots({ NODE_EXTRA_CA_CERTS: own }, system)).toEqual(['A', 'B', 'X'].map(pem))
  })

  it('are left to the run-time where the system has no file of them', async () => {
    expect(await readTrustedRoots({}, [join(folder, 'gone')])).toBeUndefined()
  })

  it('are not guessed when the file that is named cannot be read', async () => {
    const path = join(folder, 'gone')
    await expect(readTrustedRoots({ SSL_CERT_FILE: path }, [])).rejects.toThrow(
      `cannot read ${path}, which SSL_CERT_FILE names`,
    )
  })
})
