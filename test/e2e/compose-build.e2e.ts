import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, copyFile, link, mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inspectImage } from '../../src/engine/api/images.ts'
import { openEngine } from '../../src/engine/client.ts'
import { execChecked, execProgram } from '../../src/io/exec.ts'
import { findExecutable } from '../../src/io/find-executable.ts'
import { systemClock } from '../../src/io/clock.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { ComposeHost, isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import { startCluster } from './swarm-cluster.ts'
import type { TestCluster } from './swarm-cluster.ts'

/** Builds by real engines, judged by the images: what is in them, and what they do when run. */

/** Copies a program of this machine with its libraries. */
async function copyProgram(name: string, folder: string): Promise<void> {
  const path = (await findExecutable(name, process.env)) ?? name
  const libraries = await execChecked(['ldd', path], { clock: systemClock })
  const paths = [...libraries.matchAll(/=> (\/\S+)/g)].map((match) => match[1] ?? '')
  for (const each of [path, ...paths]) await copyFile(each, join(folder, basename(each)))
}

/** An agent of its own, with a key made for this test; a second key lies beside it. */
async function startAgent(folder: string): Promise<{ readonly socket: string; readonly stop: () => void }> {
  for (const name of ['agent', 'deploy']) {
    const key = ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(folder, name)]
    await execChecked(['ssh-keygen', ...key], { clock: systemClock })
  }
  const socket = join(folder, 'agent.sock')
  const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
  const env = { PATH: process.env['PATH'], SSH_AUTH_SOCK: socket }
  for (let count = 0; ; count += 1) {
    const added = await execProgram(['ssh-add', '-q', join(folder, 'agent')], { clock: systemClock, env })
    if (added.code === 0) return { socket, stop: () => void child.kill() }
    if (count === 50) {
      child.kill()
      throw new Error(`ssh-add: ${added.stderr}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

describe.runIf(isRoot).each(['20.10', '28.5'])('builds on engine %s (needs root on Linux)', (version) => {
  let running: Lab
  let host: ComposeHost

  beforeAll(async () => {
    running = await lab({ engines: [version], image: true, namePrefix: 'bld' })
    host = await openComposeHost(running.hosts[0]!, version === '20.10' ? 'executable' : 'node')
  })

  afterAll(async () => {
    await host?.close()
    await running?.down()
  })

  /** Writes files of a project, folders included. */
  async function write(project: string, files: Readonly<Record<string, string | Buffer>>): Promise<string> {
    const folder = join(host.folder, project)
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true })
      await writeFile(join(folder, name), content)
    }
    return folder
  }

  async function runImage(image: string, ...command: string[]): Promise<string> {
    const result = await running.hosts[0]!.docker(['run', '--rm', image, ...command])
    expect(result.code, result.stderr).toBe(0)
    return result.stdout
  }

  function withEnv(env: Readonly<Record<string, string>>): ComposeHost {
    return new ComposeHost(host.engine, { ...host.env, ...env }, host.folder, host.form.name)
  }

  it('on a terminal BUILDKIT_PROGRESS alone says how steps are shown, as with the reference program', async () => {
    const dockerfile = `FROM ${sampleImage}\nRUN echo said-by-$((40 + 2))\n`
    await write('steps', { 'compose.yaml': 'services: { web: { build: . } }', Dockerfile: dockerfile })
    const build = async (mode: string): Promise<string> => {
      const session = withEnv({ BUILDKIT_PROGRESS: mode }).terminal('steps', ['build', '--no-cache'])
      expect(await session.ended(), session.screen).toBe(0)
      return session.screen
    }
    const plain = await build('plain')
    expect(plain).toMatch(/^.*web #\d+ \[2\/2\] RUN .* {2}\| said-by-42\r$/m)
    expect(plain).toMatch(/\[\+\] Building 1\/1/)
    expect(await build('quiet')).not.toContain('RUN echo')
  })

  it('builds with everything a build section says', async () => {
    const folder = await write('full', {
      'compose.yaml': `
services:
  web:
    image: full/web:1
    build:
      context: ./app
      dockerfile: ../docker/web.Dockerfile
      target: final
      args: { GREETING: hello, FROM_ENV: }
      labels: { team: blue }
      tags: ["full/web:extra"]
      secrets: [token, { source: password, target: pw }]
      extra_hosts: ["db.example:192.0.2.9"]
      network: none
      shm_size: 8mb
      ulimits: { nofile: 512 }
secrets:
  token: { file: ./token.txt }
  password: { environment: PASSWORD }
`,
      'docker/web.Dockerfile': `
FROM ${sampleImage} AS base
ARG GREETING
ARG FROM_ENV
ARG LATE=unset
RUN --mount=type=secret,id=token --mount=type=secret,id=pw \\
  echo "$GREETING $FROM_ENV $LATE $(cat /run/secrets/token) $(cat /run/secrets/pw)" >/said; \\
  cat /etc/hosts >/hosts; ulimit -n >/limit
FROM base AS final
COPY . /app
FROM base AS never
RUN false
`,
      'docker/web.Dockerfile.dockerignore': '*.log\n!keep.log\nnode_modules\n',
      'app/a.txt': 'a',
      'app/x.log': 'x',
      'app/keep.log': 'k',
      'app/sub/b.txt': 'b',
      'app/node_modules/m/index.js': 'm',
      'token.txt': 'sesame',
    })
    await symlink('sub/b.txt', join(folder, 'app/link'))
    await writeFile(join(folder, 'app/run.sh'), '#!/bin/sh\n')
    await chmod(join(folder, 'app/run.sh'), 0o755)
    const built = await withEnv({ FROM_ENV: 'env', PASSWORD: 'hush' }).compose('full', [
      'build',
      '--build-arg',
      'LATE=late',
    ])
    expect(built.code, built.stderr).toBe(0)
    expect(built.stderr).toContain(' web  Built')
    expect(await runImage('full/web:1', 'cat', '/said')).toBe('hello env late sesame hush\n')
    expect(await runImage('full/web:1', 'cat', '/hosts')).toContain('192.0.2.9')
    if (version !== '20.10') expect(await runImage('full/web:1', 'cat', '/limit')).toBe('512\n')
    expect((await runImage('full/web:1', 'find', '/app')).trim().split('\n').sort()).toEqual([
      '/app',
      '/app/a.txt',
      '/app/keep.log',
      '/app/link',
      '/app/run.sh',
      '/app/sub',
      '/app/sub/b.txt',
    ])
    expect(await runImage('full/web:1', 'stat', '-c', '%a %u', '/app/run.sh')).toBe('755 0\n')
    const image = await inspectImage(host.engine, 'full/web:extra')
    expect(image.RepoTags).toEqual(['full/web:1', 'full/web:extra'])
    expect(image.Config?.Labels).toMatchObject({
      team: 'blue',
      'com.docker.compose.project': 'full',
      'com.docker.compose.service': 'web',
      'com.docker.compose.version': '2.40.3',
    })
    expect(JSON.stringify(image)).not.toContain('sesame')
    // Nothing changed: every step is taken from the build before.
    const again = await withEnv({ FROM_ENV: 'env', PASSWORD: 'hush' }).compose('full', [
      'build',
      '--build-arg',
      'LATE=late',
    ])
    expect(again.stderr).toContain('COPY . /app  Cached')
    expect((await inspectImage(host.engine, 'full/web:1')).Id).toBe(image.Id)
  })

  it('gives a step an empty secret when its variable is not set, and says so', async () => {
    await write('unset', {
      'compose.yaml': `
services:
  web:
    build:
      context: .
      dockerfile_inline: "FROM ${sampleImage}\\nRUN --mount=type=secret,id=s,required=true test -e /run/secrets/s -a ! -s /run/secrets/s"
      secrets: [s]
secrets: { s: { environment: NOT_THERE_AT_ALL } }
`,
    })
    const built = await host.compose('unset', ['build'])
    expect(built.code, built.stderr).toBe(0)
    expect(built.stderr).toContain('web secret s  Variable NOT_THERE_AT_ALL is not set: the secret is empty')
  })

  it('lends an SSH agent and a key to the steps that ask for them, and keeps neither', async () => {
    const folder = await write('ssh', {
      'compose.yaml': `
services:
  web: { build: { context: ., ssh: [default, "deploy=\${DEPLOY_KEY}"] } }
  flag: { build: { context: ., dockerfile_inline: "FROM ${sampleImage}\\nRUN --mount=type=ssh test -S $$SSH_AUTH_SOCK" } }
`,
      Dockerfile: `
FROM ${sampleImage}
COPY tools /tools
ENV LD_LIBRARY_PATH=/tools:/lib
RUN echo signed in a build >/text
RUN --mount=type=ssh /tools/ssh-add -L >/agent.pub && /tools/ssh-keygen -q -Y sign -n file -f /agent.pub /text
RUN --mount=type=ssh,id=deploy /tools/ssh-add -L >/deploy.pub
RUN test -z "$SSH_AUTH_SOCK" && ! /tools/ssh-add -L
`,
    })
    await mkdir(join(folder, 'tools'))
    for (const tool of ['ssh-add', 'ssh-keygen']) await copyProgram(tool, join(folder, 'tools'))
    const agent = await startAgent(folder)
    try {
      const ssh = withEnv({ SSH_AUTH_SOCK: agent.socket, DEPLOY_KEY: join(folder, 'deploy') })
      const built = await ssh.compose('ssh', ['build', 'web'])
      expect(built.code, built.stderr).toBe(0)
      const publicKey = async (name: string): Promise<string> =>
        (await readFile(join(folder, `${name}.pub`), 'utf8')).split(' ').slice(0, 2).join(' ')
      expect(await runImage('ssh-web', 'cat', '/agent.pub')).toContain(await publicKey('agent'))
      expect(await runImage('ssh-web', 'cat', '/deploy.pub')).toContain(await publicKey('deploy'))
      await writeFile(join(folder, 'signature'), await runImage('ssh-web', 'cat', '/text.sig'))
      await writeFile(join(folder, 'signers'), `builder ${await publicKey('agent')}\n`)
      const verify = `ssh-keygen -Y verify -f signers -I builder -n file -s signature`
      const verified = await execProgram(['sh', '-c', `echo signed in a build | ${verify}`], {
        clock: systemClock,
        cwd: folder,
      })
      expect(verified.code, verified.stderr).toBe(0)
      // The flag lends it to a service that does not ask in the file.
      expect((await ssh.compose('ssh', ['build', '--ssh', 'default', 'flag'])).code).toBe(0)
      expect(await ssh.compose('ssh', ['build', '--no-cache', 'flag'])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('exit code: 1') as unknown,
      })
    } finally {
      agent.stop()
    }
    // The builder itself would go on without it.
    const refused = async (env: Readonly<Record<string, string>>, words: string): Promise<void> => {
      const result = await withEnv(env).compose('ssh', ['build', 'web'])
      expect(result.code).toBe(1)
      expect(result.stderr).toContain(words)
    }
    const key = { DEPLOY_KEY: join(folder, 'deploy') }
    await refused(key, 'ssh "default" of service "web": SSH_AUTH_SOCK is not set')
    const socket = { SSH_AUTH_SOCK: join(folder, 'agent.sock') }
    await refused({ ...key, ...socket }, 'ssh "default" of service "web": cannot use SSH key or agent')
  })

  it('puts files of every kind into the image as they are', async () => {
    const folder = await write('kinds', {
      'compose.yaml': 'services: { web: { build: . } }\n',
      '.dockerignore': 'compose.yaml\n.dockerignore\nDockerfile\n',
      Dockerfile: `FROM ${sampleImage}\nCOPY . /in\n`,
      empty: '',
      first: 'f',
    })
    await link(join(folder, 'first'), join(folder, 'second'))
    await execChecked(['mkfifo', '-m', '640', join(folder, 'pipe')], { clock: systemClock })
    await mkdir(join(folder, 'shared'))
    await chmod(join(folder, 'shared'), 0o1777)
    for (const buildKit of ['1', '0']) {
      const built = await withEnv({ DOCKER_BUILDKIT: buildKit }).compose('kinds', ['build', '--no-cache'])
      expect(built.code, built.stderr).toBe(0)
      const listed = await runImage('kinds-web', 'sh', '-c', 'cd /in; for f in *; do stat -c "%n %F %a %h %s" $f; done')
      expect(listed.split('\n').map((line) => line.replace(/(directory .*) \d+ \d+$/, '$1'))).toEqual([
        'empty regular empty file 644 1 0',
        'first regular file 644 2 1',
        // BuildKit of 20.10 leaves pipes out of what it copies.
        ...(version === '20.10' && buildKit === '1' ? [] : ['pipe fifo 640 1 0']),
        'second regular file 644 2 1',
        'shared directory 1777',
        '',
      ])
    }
  })

  it('says which step failed and what it printed, and keeps the old image', async () => {
    await write('fail', {
      'compose.yaml': 'services: { web: { build: . } }\n',
      Dockerfile: `FROM ${sampleImage}\nRUN echo about to fail && exit 3\n`,
    })
    const failed = await host.compose('fail', ['build'])
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain('target web: failed to solve:')
    expect(failed.stderr).toContain('exit code: 3')
    expect(failed.stderr).toMatch(
      /the step that failed is \[2\/2\] RUN echo about to fail && exit 3:\n.*about to fail/s,
    )
    // The builder of 20.10 does not say where.
    const place = `Dockerfile:2\n${'-'.repeat(20)}\n   1 |     FROM ${sampleImage}\n   2 | >>> RUN echo about to fail && exit 3\n`
    expect(failed.stderr.includes(place), failed.stderr).toBe(version !== '20.10')
    // A refusal carries the whole Dockerfile.
    const long = Array.from({ length: 20_000 }, (_, index) => `# line ${index} of a long Dockerfile\n`).join('')
    await write('fail', { Dockerfile: `FROM ${sampleImage}\n${long}RUN exit 7\n` })
    expect((await host.compose('fail', ['build'])).stderr).toContain('exit code: 7')
    const missing = await withEnv({}).compose('fail', ['-f', '-', 'build'])
    expect(missing.code).toBe(1)
    await write('nofile', { 'compose.yaml': 'services: { web: { build: ./gone } }\n' })
    const gone = await host.compose('nofile', ['build'])
    expect(gone.code).toBe(1)
    expect(gone.stderr).toContain('build context')
    expect(gone.stderr).toContain('not found')
  })

  it('up builds what is missing, and recreates on a rebuilt image only', async () => {
    const dockerfile = (text: string): string => `FROM ${sampleImage}\nRUN echo ${text} >/text\nCMD ["sleep", "1000"]\n`
    await write('live', {
      'compose.yaml':
        'services:\n  web: { build: ., init: true }\n  side: { image: live-web, init: true, pull_policy: never, depends_on: [web] }\n',
      Dockerfile: dockerfile('one'),
    })
    const plan = await host.compose('live', ['up', '--plan', 'web'])
    expect(plan.stdout, plan.stderr).toContain('+ build image live-web (missing)')
    const none = await host.compose('live', ['up', '-d', '--no-build', 'web'])
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('No such image: live-web:latest') })
    const first = await host.compose('live', ['up', '-d', 'web'])
    expect(first.code, first.stderr).toBe(0)
    const [before] = await host.containers('live')
    const image = await inspectImage(host.engine, 'live-web')
    expect(before?.labels['com.docker.compose.image']).toBe(image.Id)
    expect((await host.compose('live', ['up', '-d', 'web'])).stderr).not.toContain('Building')
    await host.compose('live', ['up', '-d', '--build', 'web'])
    expect((await host.containers('live'))[0]?.id).toBe(before?.id)
    await write('live', { Dockerfile: dockerfile('two') })
    const changed = await host.compose('live', ['up', '-d', '--build', '--quiet-build', 'web'])
    expect(changed.code, changed.stderr).toBe(0)
    expect(changed.stderr).not.toContain('RUN echo two')
    const [after] = await host.containers('live')
    expect(after?.id).not.toBe(before?.id)
    const text = await running.hosts[0]!.docker(['exec', after!.id, 'cat', '/text'])
    expect(text.stdout).toBe('two\n')
    expect((await host.compose('live', ['down', '-t', '1', '--rmi', 'local'])).code).toBe(0)
  })

  it('sends again only what changed, of many files, and memory stays flat', async () => {
    const files: Record<string, string | Buffer> = {
      'compose.yaml': 'services: { web: { build: { context: ctx } } }\n',
      'ctx/Dockerfile': `FROM ${sampleImage}\nCOPY . /ctx\n`,
    }
    for (let index = 0; index < 5000; index += 1) files[`ctx/d${index % 50}/f${index}`] = `file ${index}\n`
    for (let index = 0; index < 10; index += 1) files[`ctx/big${index}`] = Buffer.alloc(10_000_000, index + 1)
    await write('many', files)
    const sentBytes = async (): Promise<number> => {
      const child = host.start('many', ['--progress', 'json', 'build'])
      let text = ''
      child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
      child.stdout.resume()
      let peakKb = 0
      const poll = setInterval(() => {
        void execProgram(['sh', '-c', `grep VmHWM /proc/${child.pid}/status`], { clock: systemClock }).then(
          ({ stdout }) => (peakKb = Math.max(peakKb, Number(/\d+/.exec(stdout)?.[0] ?? 0))),
          () => {},
        )
      }, 200)
      const [code] = await once(child, 'close')
      clearInterval(poll)
      expect(code, text).toBe(0)
      // The whole context is 100 MB: a program that held it would stand far above this.
      expect(peakKb).toBeLessThan(260_000)
      const events = text
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as { id: string; current?: number })
      return Math.max(
        0,
        ...events.filter((event) => event.id.includes('load build context')).map((event) => event.current ?? 0),
      )
    }
    expect(await sentBytes()).toBeGreaterThan(100_000_000)
    expect(await runImage('many-web', 'sh', '-c', 'find /ctx -type f | wc -l')).toBe('5011\n')
    await write('many', { 'ctx/d7/f7': 'changed\n' })
    expect(await sentBytes()).toBeLessThan(2_000_000)
    expect(await runImage('many-web', 'cat', '/ctx/d7/f7')).toBe('changed\n')
  })

  it('sends files whose names are no text where the engine takes them, and names them where it does not', async () => {
    const folder = await write('odd', {
      'compose.yaml': 'services: { web: { build: ctx } }\n',
      'ctx/Dockerfile': `FROM ${sampleImage}\nCOPY . /ctx\n`,
    })
    await writeFile(Buffer.concat([Buffer.from(`${folder}/ctx/caf`), Buffer.of(0xe9)]), 'coffee')
    const refusal = String.raw`takes no names that are not UTF-8: "caf\xe9"`
    const built = await host.compose('odd', ['build'])
    if (version === '20.10') {
      expect(built.code, built.stderr).toBe(0)
      expect(await runImage('odd-web', 'sh', '-c', 'cat /ctx/caf*; ls /ctx | wc -l')).toBe('coffee2\n')
    } else {
      expect([built.code, built.stderr]).toEqual([1, expect.stringContaining(`target web: this engine ${refusal}`)])
    }
    const classic = await withEnv({ DOCKER_BUILDKIT: '0' }).compose('odd', ['build'])
    expect([classic.code, classic.stderr]).toEqual([1, expect.stringContaining(`the classic builder ${refusal}`)])
  })

  it('ends the build at once on Ctrl-C', async () => {
    await write('stop', {
      'compose.yaml': 'services: { web: { build: . } }\n',
      Dockerfile: `FROM ${sampleImage}\nRUN echo begun && sleep 300 # ${Date.now()}\n`,
    })
    const child = host.start('stop', ['build'])
    let text = ''
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
    child.stdout.resume()
    expect(await host.eventually(async () => text.includes('| begun'), 60_000), text).toBe(true)
    child.kill('SIGINT')
    const [code] = await once(child, 'close')
    expect(code).toBe(130)
    const sleeps = async (): Promise<number> =>
      Number((await running.hosts[0]!.exec(['sh', '-c', 'pgrep -fc "sleep 300" || true'])).stdout.trim())
    expect(await host.eventually(async () => (await sleeps()) <= 1, 30_000)).toBe(true)
  })

  it('builds images that others start from first, equal ones once, and inline Dockerfiles', async () => {
    await write('graph', {
      'compose.yaml': `
services:
  app:
    build:
      context: .
      dockerfile_inline: |
        FROM base
        COPY --from=extra data /data
      additional_contexts: { base: "service:base", extra: ./extra }
  base:
    build:
      context: .
      dockerfile_inline: |
        FROM ${sampleImage}
        RUN echo base >/base
  one: &one
    image: graph/same
    build: { context: ., dockerfile_inline: "FROM ${sampleImage}\\nRUN echo $(date +%N) >/same\\n", no_cache: true }
  two: *one
`,
      'extra/data': 'extra',
    })
    const built = await host.compose('graph', ['build'])
    if (version === '20.10') {
      expect(built.code).toBe(1)
      expect(built.stderr).toContain('build.additional_contexts needs Docker Engine 23.0 or later')
      return
    }
    expect(built.code, built.stderr).toBe(0)
    expect(await runImage('graph-app', 'cat', '/base', '/data')).toBe('base\nextra')
    expect((built.stderr.match(/RUN echo \$\(date \+%N\) >\/same {2}Done/g) ?? []).length).toBe(1)
    const check = await host.compose('graph', ['build', '--check', 'base'])
    expect(check, check.stderr).toMatchObject({ code: 0, stdout: 'base: Check complete, no warnings found.\n' })
    await write('graph', {
      Dockerfile: `from ${sampleImage} as X\nMAINTAINER me\n`,
      'bad.yaml': 'services: { bad: { build: . } }\n',
    })
    const bad = await host.compose('graph', ['-f', 'bad.yaml', 'build', '--check'])
    expect(bad.code, bad.stderr).toBe(1)
    expect(bad.stdout).toContain('MaintainerDeprecated')
  })

  it('builds an image whose Dockerfile names that of another service after it, by every command that builds', async () => {
    const files = (word: string): Record<string, string> => ({
      'compose.yaml':
        'services: { app: { build: { context: ., dockerfile: App }, command: sleep 60 }, base: { build: . } }\n',
      App: 'FROM chain-base\nRUN cat /word >/copy\n',
      Dockerfile: `FROM ${sampleImage}\nRUN sleep 1; echo ${word} >/word\n`,
    })
    await write('chain', files('first'))
    const built = await host.compose('chain', ['build'])
    expect(built.code, built.stderr).toBe(0)
    expect(await runImage('chain-app', 'cat', '/copy')).toBe('first\n')
    await write('chain', files('second'))
    const up = await host.compose('chain', ['up', '-d', '--build', 'app', 'base'])
    expect(up.code, up.stderr).toBe(0)
    expect(await runImage('chain-app', 'cat', '/copy')).toBe('second\n')
    await host.compose('chain', ['down', '-t', '0', '--rmi', 'all'])
  })

  it('builds with the classic builder, and says what that cannot do', async () => {
    await write('classic', {
      'compose.yaml': `
services:
  web: { build: { context: ., args: { A: one }, labels: { l: m }, dockerfile: sub/Dockerfile } }
  inline: { build: { context: ., dockerfile_inline: "FROM ${sampleImage}\\nCOPY a /a\\n" } }
  secret: { profiles: [x], build: { context: ., secrets: [s] } }
secrets: { s: { file: ./a } }
`,
      'sub/Dockerfile': `FROM ${sampleImage}\nARG A\nCOPY . /ctx\nRUN echo $A >/arg\n`,
      '.dockerignore': 'b\nsub\n',
      a: 'a',
      b: 'b',
    })
    const classic = withEnv({ DOCKER_BUILDKIT: '0' })
    const built = await classic.compose('classic', ['build'])
    expect(built.code, built.stderr).toBe(0)
    expect(built.stdout).toMatch(/^Step 1\/\d+ : FROM /m)
    expect(built.stdout).toMatch(/^Successfully built [0-9a-f]{12}$/m)
    expect(built.stdout).toMatch(/^Successfully tagged classic-web:latest$/m)
    expect((await classic.compose('classic', ['build', '--quiet'])).stdout).not.toContain('Step')
    expect(await runImage('classic-web', 'sh', '-c', 'cat /arg; ls /ctx')).toBe('one\na\ncompose.yaml\nsub\n')
    expect(await runImage('classic-inline', 'cat', '/a')).toBe('a')
    const image = await inspectImage(host.engine, 'classic-web')
    expect(image.Config?.Labels).toMatchObject({ l: 'm', 'com.docker.compose.image.builder': 'classic' })
    const refused = await classic.compose('classic', ['build', 'secret'])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(
      "the classic builder doesn't support secrets, set DOCKER_BUILDKIT=1 to use BuildKit",
    )
  })

  it('pushes and pulls what was built', async () => {
    const { address } = await running.registry()
    await write('reg', {
      'compose.yaml': `
services:
  web: { image: "${address}/reg/web:1", build: { context: ., dockerfile_inline: "FROM ${sampleImage}\\nRUN echo pushed >/p\\n" } }
  other: { image: "${address}/reg/web:1" }
  local: { build: { context: ., dockerfile_inline: "FROM ${sampleImage}\\n" } }
`,
    })
    const image = `${address}/reg/web:1`
    const built = await host.compose('reg', ['build', '--push'])
    expect(built.code, built.stderr).toBe(0)
    expect(built.stderr).toContain(`${image} Pushed`)
    expect((await host.compose('reg', ['push', '-q'])).code).toBe(0)
    await running.hosts[0]!.docker(['rmi', image])
    const pulled = await host.compose('reg', ['pull'])
    expect(pulled.code, pulled.stderr).toBe(0)
    expect(pulled.stderr).toContain('local Skipped - No image to be pulled')
    expect(await runImage(image, 'cat', '/p')).toBe('pushed\n')
    const missing = await host.compose('reg', ['pull', '--policy', 'missing', 'other'])
    expect(missing.stderr).toContain('other Skipped - Image is already present locally')
    await write('reg', { 'bad.yaml': `services: { gone: { image: "${address}/reg/none:1" } }\n` })
    expect((await host.compose('reg', ['-f', 'bad.yaml', 'pull'])).code).toBe(1)
    expect((await host.compose('reg', ['-f', 'bad.yaml', 'pull', '--ignore-pull-failures'])).code).toBe(0)
    // A fresh look is due: the policy says every second, and the image was pulled before.
    await write('reg', {
      'age.yaml': `services: { web: { image: "${image}", pull_policy: every_1s, command: "true" } }\n`,
    })
    const aged = await host.compose('reg', ['-f', 'age.yaml', 'up', '--no-start'])
    expect(aged.stderr, aged.stderr).toContain('web Pulled')
    await host.compose('reg', ['-f', 'age.yaml', 'down', '-t', '1'])
  })
})

describe.runIf(isRoot)('builds on a fleet (needs root on Linux)', () => {
  let cluster: TestCluster
  let host: ComposeHost

  beforeAll(async () => {
    cluster = await startCluster({ engines: ['20.10', '28.5'], hosts: 2, namePrefix: 'bfl' })
    const engine = openEngine(
      { kind: 'unix', path: cluster.socket },
      { clock: systemClock, userAgent: 'flotilla-test' },
    )
    const folder = await mkdtemp(join(tmpdir(), 'compose-e2e-'))
    host = new ComposeHost(engine, { DOCKER_HOST: cluster.host }, folder)
  })

  afterAll(async () => {
    await host?.close()
    await cluster?.down()
  })

  /** What each host's container of the project has in `/text`. */
  async function texts(): Promise<readonly string[]> {
    const all = await Promise.all(
      [0, 1].map(async (index) => {
        const node = cluster.node(index)
        const { stdout } = await node.docker(['ps', '-q', '--filter', 'label=com.docker.compose.project=fleet'])
        const ids = stdout
          .trim()
          .split('\n')
          .filter((id) => id !== '')
        return Promise.all(ids.map(async (id) => (await node.docker(['exec', id, 'cat', '/text'])).stdout.trim()))
      }),
    )
    return all.map((each) => each.join(' '))
  }

  it('builds once, runs on every node, and replaces all when the image changes', async () => {
    const files = (text: string): Readonly<Record<string, string>> => ({
      'compose.yaml': 'services: { web: { build: ., scale: 2, network_mode: bridge, init: true } }\n',
      Dockerfile: `FROM ${sampleImage}\nRUN echo ${text} >/text\nCMD ["sleep", "1000"]\n`,
    })
    await host.write('fleet', files('one'))
    const first = await host.compose('fleet', ['up', '-d', '--build'])
    expect(first.code, first.stderr).toBe(0)
    expect((first.stderr.match(/RUN echo one >\/text {2}Done/g) ?? []).length).toBe(1)
    expect(await texts()).toEqual(['one', 'one'])
    expect((await host.compose('fleet', ['up', '-d', '--plan'])).stdout).toContain('nothing to do')
    await host.write('fleet', files('two'))
    const second = await host.compose('fleet', ['up', '-d', '--build', '-t', '1'])
    expect(second.code, second.stderr).toBe(0)
    expect(await texts()).toEqual(['two', 'two'])
    expect((await host.compose('fleet', ['up', '-d', '--plan'])).stdout).toContain('nothing to do')
    await host.compose('fleet', ['down', '-t', '1'])
  })
})
