import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fieldNames } from './schema.generated.js'
import { serviceStruct } from '../model/field/service.ts'

const script = join(import.meta.dirname, '../../../scripts/gen-validators.mjs')

describe('the generated validator', () => {
  it('is what the schema gives', () => {
    const result = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' })
    expect(result.stderr).toBe('')
    expect(result.status).toBe(0)
  })

  it('knows every field of the model, and the model every field of the schema', () => {
    const inModel = serviceStruct.fields.map(([name]) => name)
    const inSchema = fieldNames['services.*'] ?? []
    // Written in file format 1 only, and turned into today's fields while reading.
    const legacy = ['dockerfile', 'log_driver', 'log_opt', 'net', 'volume_driver']
    expect(inModel.filter((name) => !inSchema.includes(name)).sort()).toEqual(legacy)
    expect(inSchema.filter((name) => !inModel.includes(name)).sort()).toEqual(['extends', 'pull_refresh_after'])
  })
})
