import { describe, expect, it } from 'vitest'
import { dockerCompose, flotilla } from '../../cli/personality.ts'
import { FlotillaError } from '../../core/errors.ts'
import { toDockerWords } from './engine-error.ts'

const endpoint = { kind: 'tcp', host: '127.0.0.1', port: 1 } as const

describe('errors of the engine', () => {
  it('that it answered carry the words scripts look for, once', () => {
    const error = new FlotillaError('engine/conflict', 'in use', { status: 409, hint: 'wait' })
    const told = toDockerWords(error, endpoint, dockerCompose)
    expect(told).toMatchObject({
      code: 'engine/conflict',
      message: 'Error response from daemon: in use',
      status: 409,
      hint: 'wait',
      cause: error,
    })
    expect(toDockerWords(told, endpoint, dockerCompose)).toBe(told)
  })

  it.each(['connection refused', 'no such socket'])(
    'nobody there (%s) is told as docker does, why is a hint',
    (why) => {
      const error = new FlotillaError('engine/unreachable', `cannot reach engine "tcp://127.0.0.1:1": ${why}`)
      expect(toDockerWords(error, endpoint, dockerCompose)).toMatchObject({
        message: 'Cannot connect to the Docker daemon at tcp://127.0.0.1:1. Is the docker daemon running?',
        hint: error.message,
      })
      expect(toDockerWords(error, endpoint, flotilla)).toBe(error)
    },
  )

  it.each([
    new FlotillaError('engine/unreachable', 'cannot reach engine "tcp://127.0.0.1:1": its certificate is not trusted'),
    new FlotillaError('engine/protocol', 'invalid answer'),
    new FlotillaError('compose/execute', 'Error response from daemon: no', { status: 500 }),
    new TypeError('no'),
  ])('%s stays as it is', (error) => {
    expect(toDockerWords(error, endpoint, dockerCompose)).toBe(error)
  })
})
