import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import type { ComposeHost } from './compose-host.ts'
import { ensurePrograms } from './programs.ts'

/** The lines of `pull` and `push`, beside those of docker-compose 2.40 on the same engine and registry. */

describe.runIf(isRoot)('pull and push beside 2.40 (needs root on Linux)', () => {
  let running: Lab | undefined
  let host: ComposeHost
  let registry = ''

  beforeAll(async () => {
    ensurePrograms()
    running = await lab({ image: true, namePrefix: 'xfer' })
    host = await openComposeHost(running.hosts[0]!, 'node')
    registry = (await running.registry()).address
    await inHost(`docker tag ${sampleImage} ${registry}/one:1 && docker push -q ${registry}/one:1`)
    await host.write('both', {
      'compose.yaml': `services:
  one: { image: "${registry}/one:1", build: . }
  gone: { image: "${registry}/gone:1", build: . }
`,
    })
    await host.write('alone', { 'compose.yaml': `services:\n  gone: { image: "${registry}/gone:1" }\n` })
    await host.write('first', {
      'compose.yaml': `services:\n  one: { image: "${registry}/one:1", build: . }\n  plain: { image: "elsewhere" }\n`,
    })
  })

  beforeEach(() => inHost(`docker image inspect ${registry}/one:1 >/dev/null || docker pull -q ${registry}/one:1`))

  afterAll(async () => {
    await host?.close()
    await running?.down()
  })

  async function inHost(line: string): Promise<void> {
    const result = await running!.hosts[0]!.exec(['sh', '-c', line], { timeoutMs: 60_000 })
    expect(result.code, result.stderr).toBe(0)
  }

  /** Bars and counts are as quick as the engine; the line for the whole image of a push is ours alone. */
  function lines(stderr: string): readonly string[] {
    const plain = stderr
      .split('\n')
      .filter((line) => !/\[[=>]|^ (?:Pushing )?\S+:1:? (?:Pushing|Pushed) $|^hint: /.test(line))
      .filter((line) => !/^\{"id":"[^" ]+:1","text":"Push/.test(line))
    return plain.map((line) => (line.startsWith('{') ? withoutCounts(line) : line)).sort()
  }

  function withoutCounts(line: string): string {
    const { parent_id: parent, current, total, percent, ...rest } = JSON.parse(line) as Record<string, unknown>
    expect(total === undefined || typeof current === 'number').toBe(true)
    expect(percent === undefined || (percent as number) >= 0).toBe(true)
    const isPush = String(rest['id']).startsWith('Pushing ')
    return JSON.stringify({ ...rest, ...(isPush || parent === undefined ? {} : { parent }) })
  }

  it.each([
    ['both', ['pull'], 1],
    ['both', ['pull', '--ignore-pull-failures'], 0],
    ['both', ['pull', '--ignore-buildable'], 0],
    ['both', ['pull', '-q', 'one'], 0],
    ['first', ['pull', '--policy', 'missing', 'one'], 0],
    ['first', ['push'], 0],
    ['first', ['push', '-q'], 0],
    ['alone', ['pull'], 1],
    ['alone', ['pull', '--ignore-pull-failures'], 0],
    ['alone', ['up', '-d'], 1],
  ] as const)('%s: %j', async (project, args, code) => {
    for (const progress of ['plain', 'json', 'quiet']) {
      const own = await host.compose(project, ['--progress', progress, ...args])
      const other = await host.reference(project, ['--progress', progress, ...args])
      expect([progress, own.code, lines(own.stderr)]).toEqual([progress, other.code, lines(other.stderr)])
      expect(own.code).toBe(code)
    }
  })

  it('pull names each layer of what is not there yet as 2.40 does', async () => {
    for (const progress of ['plain', 'json']) {
      await inHost(`docker rmi -f ${registry}/one:1 ${sampleImage}`)
      const own = await host.compose('first', ['--progress', progress, 'pull', 'one'])
      await inHost(`docker rmi -f ${registry}/one:1`)
      const other = await host.reference('first', ['--progress', progress, 'pull', 'one'])
      // Short stages may come and go between two looks of the engine.
      const stages = /Verifying Checksum|Downloading|Download complete|Extracting|Pulling fs layer/
      const kept = (stderr: string): readonly string[] => lines(stderr).filter((line) => !stages.test(line))
      expect(kept(own.stderr)).toEqual(kept(other.stderr))
      expect(own.stderr).toContain('Pull complete')
    }
  })
})
