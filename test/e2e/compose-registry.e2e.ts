import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { ComposeHost, isRoot, openComposeHost, sampleImage } from './compose-host.ts'

/** Pulls from a real registry that wants a password, with what the docker CLI keeps of it. */

/** `ann` with the password `secret`. */
const users = 'ann:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n'
const password = 'secret'

describe.runIf(isRoot)('pulling with credentials (needs root on Linux)', () => {
  let running: Lab | undefined
  let host: ComposeHost
  let image = ''
  let address = ''

  beforeAll(async () => {
    running = await lab({ image: true, namePrefix: 'reg' })
    address = (await running.registry(users)).address
    host = await openComposeHost(running.hosts[0]!)
    image = `${address}/private/web:1`
    const docker = (...args: string[]) => running!.hosts[0]!.docker(args)
    for (const args of [
      ['tag', sampleImage, image],
      ['login', '-u', 'ann', '-p', password, address],
      ['push', '-q', image],
      ['logout', address],
      ['rmi', image],
    ]) {
      const result = await docker(...args)
      expect(result.code, result.stderr).toBe(0)
    }
    await host.write('pull', { 'compose.yaml': `services: { web: { image: "${image}" } }\n` })
  })

  afterAll(async () => {
    await host?.close()
    await running?.down()
  })

  async function up(config: object, helper?: string): Promise<{ code: number | null; output: string }> {
    const folder = join(host.folder, 'docker-config')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'config.json'), JSON.stringify(config))
    if (helper !== undefined) {
      await writeFile(join(folder, 'docker-credential-test'), `#!/bin/sh\n${helper}\n`, { mode: 0o755 })
    }
    const env = { ...host.env, DOCKER_CONFIG: folder, PATH: `${folder}:${process.env['PATH']}` }
    const own = new ComposeHost(host.engine, env, host.folder)
    const result = await own.compose('pull', ['up', '-d'])
    const ended = { code: result.code, output: result.stdout + result.stderr }
    await own.compose('pull', ['down', '-t', '1', '--rmi', 'all'])
    return ended
  }

  it('works with auths and with a helper, and prints no password', async () => {
    const auth = Buffer.from(`ann:${password}`).toString('base64')
    const stored = await up({ auths: { [address]: { auth } } })
    expect([stored.code, stored.output]).toEqual([0, expect.stringContaining('web  Pulled')])
    const helped = await up(
      { credHelpers: { [address]: 'test' } },
      `echo '{"ServerURL":"x","Username":"ann","Secret":"${password}"}'`,
    )
    expect([helped.code, helped.output]).toEqual([0, expect.stringContaining('web  Pulled')])
    expect(stored.output + helped.output).not.toMatch(new RegExp(`${password}|${auth}`))
  })

  it('without credentials, with wrong ones and with a broken helper fails and says why', async () => {
    expect(await up({})).toMatchObject({ code: 1, output: expect.stringContaining('no basic auth credentials') })
    const wrong = Buffer.from('ann:wrong-password').toString('base64')
    const refused = await up({ auths: { [address]: { auth: wrong } } })
    expect([refused.code, refused.output]).toEqual([1, expect.stringMatching(/unauthorized|authentication/)])
    expect(refused.output).not.toContain('wrong-password')
    const broken = await up({ credsStore: 'test' }, `echo ${password}; exit 1`)
    expect([broken.code, broken.output]).toEqual([1, expect.stringContaining('"docker-credential-test"')])
    expect(broken.output).not.toContain(password)
  })
})
