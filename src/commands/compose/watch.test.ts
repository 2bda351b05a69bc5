import { Buffer } from 'node:buffer'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it.each([['watch'], ['up', '--watch']])('Ctrl-C ends a build of %s %s that is under way', async (...command) => {
  const bed = await startProgramBed(program, {}, { DOCKER_BUILDKIT: '0' })
  try {
    await mkdir(join(bed.folder, 'src'))
    await bed.write('Dockerfile', 'FROM scratch\n')
    await bed.write(
      'compose.yaml',
      `services:
  web:
    build: .
    command: [serve]
    develop: { watch: [{ path: ./src, action: rebuild }] }
`,
    )
    const watch = bed.start(...command)
    await expect.poll(() => watch.stdout, { timeout: 30_000 }).toContain('Watch enabled\n')
    bed.engine.fail({ path: /^\/build$/, fault: { kind: 'hang' } })
    const builds = (): number => bed.engine.requests.filter(({ path }) => path === '/build').length
    const before = builds()
    await writeFile(join(bed.folder, 'src', 'new'), '')
    await expect.poll(builds, { timeout: 30_000 }).toBe(before + 1)
    watch.signal('SIGINT')
    expect(await watch.code).toBe(130)
    expect(watch.stdout).not.toContain('Build failed')
  } finally {
    await bed.close()
  }
})

// As docker-compose 2.40: what changed while nobody followed it would be missing otherwise.
it('builds what it is to follow before it starts it, whatever image is there', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] }, { DOCKER_BUILDKIT: '0' })
  try {
    await bed.write('Dockerfile', 'FROM scratch\n')
    const plain = 'other: { build: ., image: "other:1", command: [serve] }'
    const web = 'web: { build: ., command: [serve], develop: { watch: [{ path: ., action: rebuild }] } }'
    await bed.write('compose.yaml', `services: { ${web}, ${plain} }\n`)
    expect(await bed.run('up', '-d', '--build')).toMatchObject({ code: 0 })
    const builds = (): number => bed.engine.requests.filter(({ path }) => path === '/build').length
    const before = builds()
    const watch = bed.start('watch')
    await expect.poll(() => watch.stdout, { timeout: 30_000 }).toContain('Watch enabled\n')
    expect(builds()).toBe(before + 1)
    watch.signal('SIGINT')
    await watch.code
    const bare = bed.start('watch', '--no-up')
    await expect.poll(() => bare.stdout, { timeout: 30_000 }).toContain('Watch enabled\n')
    expect(builds()).toBe(before + 1)
    bare.signal('SIGINT')
    await bare.code
  } finally {
    await bed.close()
  }
})

it('files that are synced belong to whom the container runs as', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    await mkdir(join(bed.folder, 'src'))
    await bed.write(
      'compose.yaml',
      `services:
  web:
    image: box:1
    user: node
    develop: { watch: [{ path: ./src, action: sync, target: /app }] }
`,
    )
    const watch = bed.start('watch')
    await expect.poll(() => watch.stdout, { timeout: 30_000 }).toContain('Watch enabled\n')
    await writeFile(join(bed.folder, 'src', 'new'), '')
    const puts = (): readonly unknown[] =>
      bed.engine.requests.flatMap(({ method, query }) => (method === 'PUT' ? [query] : []))
    await expect.poll(puts, { timeout: 30_000 }).toEqual([{ path: '/', copyUIDGID: 'true' }])
    watch.signal('SIGINT')
    await watch.code
  } finally {
    await bed.close()
  }
})

it.each([['watch'], ['up', '--watch']])(
  'what a command prints in pieces, and without the end of a line, is shown in whole lines: %s %s',
  async (...command) => {
    const bed = await startProgramBed(program, {
      images: ['box:1'],
      programs: {
        async hook(own) {
          for (const byte of Buffer.from('grün\n')) {
            own.write('stdout', Buffer.from([byte]))
            await own.clock.sleep(5, own.signal)
          }
          own.write('stderr', 'open')
          return 0
        },
      },
    })
    try {
      await mkdir(join(bed.folder, 'src'))
      await bed.write(
        'compose.yaml',
        `services:
  web:
    image: box:1
    command: [sleep, "600"]
    develop: { watch: [{ path: ./src, action: sync+exec, target: /app, exec: { command: [hook] } }] }
`,
      )
      const watch = bed.start(...command)
      await expect.poll(() => watch.stdout, { timeout: 30_000 }).toContain('Watch enabled\n')
      await writeFile(join(bed.folder, 'src', 'new'), '')
      const gap = command.length === 1 ? ' ' : '  | '
      await expect.poll(() => watch.stderr, { timeout: 30_000 }).toContain(`web-1 ->${gap}open\n`)
      expect(watch.stdout).toContain(`web-1 ->${gap}grün\n`)
      watch.signal('SIGINT')
      await watch.code
    } finally {
      await bed.close()
    }
  },
)
