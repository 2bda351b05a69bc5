import { describe, expect, it } from 'vitest'
import { placelessFiles, wrongFiles } from '../../../test/fixtures/wrong-files.ts'
import { isFlotillaError } from '../../core/errors.ts'
import { makeDictionary } from '../model/dictionary.ts'
import { loadProjectNow } from './load-now.ts'

/** Wrong files are refused with the place of the mistake. That docker-compose 2.40 refuses them is in compose-wrong-files.e2e.ts. */

function refusal(text: string): string {
  try {
    loadProjectNow(
      { files: [{ path: '/p/c.yml', text }], workingDir: '/p', environment: makeDictionary(), fallbackName: 'p' },
      {
        files: {
          readText: (path) => (path === '/p/c.yml' ? text : undefined),
          kindOf: (path) => (path === '/p/c.yml' ? 'file' : 'missing'),
          resolveLinks: (path) => path,
        },
      },
    )
  } catch (error) {
    if (isFlotillaError(error)) return `${error.message}\n${error.hint ?? ''}`
    throw error
  }
  throw new Error('it was loaded')
}

describe('a file with', () => {
  it.each(Object.entries(wrongFiles))('%s is refused, with file, line and column', (_, text) => {
    const lines = text.split('\n')
    const line = lines.findIndex((each) => each.endsWith('#!'))
    expect(line).toBeGreaterThanOrEqual(0)
    const said = refusal(text)
    const column = Number(new RegExp(`^at /p/c\\.yml:${line + 1}:(\\d+)(?:: |$)`, 'm').exec(said)?.[1])
    expect(column, said).toBeGreaterThan(0)
    expect(column, said).toBeLessThanOrEqual((lines[line] ?? '').length)
  })

  it.each(Object.entries(placelessFiles))('%s is refused', (_, text) => {
    expect(refusal(text).trim()).not.toBe('')
  })
})
