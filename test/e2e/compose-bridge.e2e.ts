import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import type { ComposeHost } from './compose-host.ts'
import { ensurePrograms } from './programs.ts'

/** Transformations on a real engine; the image is made by committing a container with a script in it. */

const script = `#!/bin/sh
test "$LICENSE_AGREEMENT" = true || exit 3
mkdir -p /out/sub
cp /in/compose.yaml /out/copy.yaml
test -d /templates && cp /templates/* /out/sub/
echo converted
`

describe.runIf(isRoot)('bridge (needs root on Linux)', () => {
  let running: Lab | undefined
  let host: ComposeHost
  let work = ''

  beforeAll(async () => {
    ensurePrograms()
    running = await lab({ image: true, namePrefix: 'bri' })
    host = await openComposeHost(running.hosts[0]!)
    await host.write('work', {
      'compose.yaml': 'services: { web: { image: web, environment: { A: "$$x" } } }\n',
      run: script,
    })
    work = join(host.folder, 'work')
    for (const name of ['mine', 'theirs']) {
      await mkdir(join(work, name))
      await writeFile(join(work, name, `${name}.tmpl`), name)
    }
    const steps: readonly (readonly string[])[] = [
      ['create', '--name', 'maker', sampleImage],
      ['cp', join(work, 'run'), 'maker:/convert'],
      ['cp', join(work, 'theirs'), 'maker:/templates'],
    ]
    for (const args of steps) expect((await running.hosts[0]!.docker(args)).code).toBe(0)
    await commit('to-copy:1', 'CMD ["sh", "/convert"]')
    await commit('to-fail:1', 'CMD ["sh", "-c", "exit 7"]')
  })

  afterAll(async () => {
    await host?.close()
    await running?.down()
  })

  async function commit(name: string, command: string): Promise<void> {
    const label = 'LABEL com.docker.compose.bridge=transformation'
    const result = await running!.hosts[0]!.docker(['commit', '-c', command, '-c', label, 'maker', name])
    expect(result.code, result.stderr).toBe(0)
  }

  it('converts with the project and templates of the user, and leaves no container', async () => {
    const before = (await running!.hosts[0]!.docker(['ps', '-aq'])).stdout
    const result = await host.compose('work', ['bridge', 'convert', '-t', 'to-copy:1', '-o', 'made'])
    expect(result.code, result.stderr).toBe(0)
    expect(result.stdout).toContain('converted')
    expect(await readFile(join(work, 'made', 'copy.yaml'), 'utf8')).toBe(
      (await host.compose('work', ['config'])).stdout,
    )
    expect(await readdir(join(work, 'made', 'sub'))).toEqual(['theirs.tmpl'])
    const own = ['bridge', 'convert', '-t', 'to-copy:1', '--templates', 'mine', '-o', 'own']
    expect((await host.compose('work', own)).code).toBe(0)
    expect(await readdir(join(work, 'own', 'sub'))).toEqual(['mine.tmpl'])
    expect((await running!.hosts[0]!.docker(['ps', '-aq'])).stdout).toBe(before)
  })

  it('says how a transformation failed', async () => {
    const result = await host.compose('work', ['bridge', 'convert', '-t', 'to-fail:1'])
    expect([result.code, result.stderr.includes('transformation to-fail:1 ended with exit code 7')]).toEqual([1, true])
  })

  it('lists transformations, and begins one from the templates of another', async () => {
    const list = await host.compose('work', ['bridge', 'transformations', 'list'])
    expect(list.stdout).toMatch(/^IMAGE ID +REPO +TAGS *\n/)
    expect(list.stdout).toMatch(/[0-9a-f]{12} +to-copy +1/)
    const names = await host.compose('work', ['bridge', 'transformations', 'ls', '-q'])
    expect(names.stdout.trim().split('\n').sort()).toEqual(['to-copy:1', 'to-fail:1'])
    const held = await host.compose('work', ['bridge', 'transformations', 'create', '-f', 'to-copy:1', 'made'])
    expect([held.code, held.stderr.includes('output folder made already exists')]).toEqual([1, true])
    const begun = await host.compose('work', ['bridge', 'transformations', 'create', '-f', 'to-copy:1', 'begun'])
    expect(begun.code, begun.stderr).toBe(0)
    expect(await readFile(join(work, 'begun', 'templates', 'theirs.tmpl'), 'utf8')).toBe('theirs')
    expect(await readFile(join(work, 'begun', 'Dockerfile'), 'utf8')).toContain('COPY templates /templates')
  })
})
