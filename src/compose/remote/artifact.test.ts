import { describe, expect, it } from 'vitest'
import { ANNOTATION, ARTIFACT, readArtifact } from './artifact.ts'

const digest = `sha256:${'0'.repeat(64)}`
const main = { mediaType: ARTIFACT.file, digest, size: 1 }

function read(layers: unknown, more: object = {}): ReturnType<typeof readArtifact> {
  const manifest = { artifactType: ARTIFACT.project, layers, ...more }
  return readArtifact(Buffer.from(JSON.stringify(manifest)), 'oci://h/x')
}

describe('names in artifacts (H-P1)', () => {
  it.each([
    '../../etc/cron.d/x',
    '..',
    '.',
    '.env',
    '/etc/x',
    'a/b',
    'a\\b',
    'C:\\x',
    'C:x',
    'nul\0',
    'a\n',
    '\u001b[2J',
    '-rf',
    '',
    'x'.repeat(300),
    'x.',
    'compose.yaml',
    'Compose.YAML',
    7,
    null,
  ])('%j is refused as a further file and as an env file', (name) => {
    const file = { ...main, annotations: { [ANNOTATION.extends]: 'true', [ANNOTATION.file]: name } }
    const env = { ...main, mediaType: ARTIFACT.envFile, annotations: { [ANNOTATION.envFile]: name } }
    expect(() => read([main, file])).toThrow('is no name of a file of its own')
    expect(() => read([main, env])).toThrow('is no name of a file of its own')
  })

  it('a name that is not there at all is refused, too', () => {
    expect(() => read([main, { ...main, annotations: { [ANNOTATION.extends]: 'true' } }])).toThrow('is no name')
    expect(() => read([main, { ...main, mediaType: ARTIFACT.envFile }])).toThrow('is no name')
  })

  it('plain names are taken; layers of other kinds are left out', () => {
    const file = { ...main, annotations: { [ANNOTATION.extends]: 'true', [ANNOTATION.file]: 'base-1.yaml' } }
    expect(read([main, file, { ...main, mediaType: 'x/y' }])).toMatchObject({
      parts: [{ layer: main }, { name: 'base-1.yaml' }],
    })
  })

  it.each([
    ['no JSON', () => readArtifact(Buffer.from('{'), 'r')],
    ['no text', () => readArtifact(Buffer.from([0xff]), 'r')],
    ['no object', () => readArtifact(Buffer.from('null'), 'r')],
    ['no layers', () => read(undefined)],
    ['a layer without digest', () => read([{ mediaType: ARTIFACT.file, size: 1 }])],
    ['a layer of no size', () => read([{ ...main, size: 1e300 }])],
    ['layers without end', () => read(Array.from({ length: 1001 }, () => main))],
    ['no Compose file', () => read([])],
    ['an index without one', () => read([], { manifests: [{ mediaType: 'x', digest, size: 1 }] })],
    ['another kind', () => read([main], { artifactType: 'x' })],
  ])('%s is an error of ours', (_, run) => {
    expect(run).toThrow(/is not a compose project OCI artifact/)
  })
})
