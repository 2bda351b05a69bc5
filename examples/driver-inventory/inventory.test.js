import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testDriver } from 'flotilla/testing/conformance'
import { afterAll } from 'vitest'
import plugin from './index.js'

const folder = mkdtempSync(join(tmpdir(), 'inventory-'))
const file = join(folder, 'engines.json')
writeFileSync(file, '{"trial": "tcp://192.0.2.9:2375"}')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** @type {any} */
const descriptor = await plugin.drivers?.['inventory']?.()

testDriver(descriptor, {
  options: () => ({ 'inventory-file': file }),
  refused: [
    [{ 'inventory-file': '' }, /requires the --inventory-file option/],
    [{ 'inventory-file': join(folder, 'nowhere') }, /cannot read the inventory/],
  ],
  isLive: true,
  canSwitch: false,
})
