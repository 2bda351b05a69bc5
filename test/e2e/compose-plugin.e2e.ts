import { spawn } from 'node:child_process'
import { chmod, lstat, mkdir, mkdtemp, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import type { ComposeHost } from './compose-host.ts'
import { collect, ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'

/** `docker compose` is ours after `flotilla install-plugin`: the machine's docker command, a real engine. */

describe.runIf(isRoot)('the plugin of the docker command (needs root on Linux)', () => {
  let running: Lab | undefined
  let host: ComposeHost

  beforeAll(async () => {
    ensurePrograms()
    running = await lab({ engines: ['28.5'], image: true, namePrefix: 'plg' })
    host = await openComposeHost(running.hosts[0]!)
    const ticking = `trap 'exit 0' TERM; while true; do echo tick; sleep 0.2 & wait $$!; done`
    await host.write('shop', {
      'compose.yaml': `services:\n  web:\n    image: ${sampleImage}\n    command: ["sh", "-c", "${ticking}"]\n`,
    })
  })

  afterAll(async () => {
    await host?.close()
    await running?.down()
  })

  describe.each(programForms)('$name', (form) => {
    let config = ''
    let plugin = ''

    beforeAll(async () => {
      config = await mkdtemp(join(tmpdir(), 'plugin-'))
      plugin = join(config, 'cli-plugins', 'docker-compose')
    })

    afterAll(() => rm(config, { recursive: true, force: true }))

    const env = (): Record<string, string> => ({
      PATH: process.env['PATH'] ?? '',
      HOME: config,
      DOCKER_CONFIG: config,
      ...host.env,
    })

    function docker(args: readonly string[]): Promise<RunResult> {
      const child = spawn('docker', args, { cwd: join(host.folder, 'shop'), env: env() })
      child.stdin.end()
      return collect(child, 120_000)
    }

    it('is installed, listed by the docker command and answers both of its calls', async () => {
      const installed = await form.run('flotilla', ['install-plugin'], { env: env() })
      expect(installed).toMatchObject({ code: 0, stdout: `${plugin}\n`, stderr: '' })
      const info = await docker(['info', '--format', '{{json .ClientInfo.Plugins}}'])
      const plugins = JSON.parse(info.stdout) as readonly Record<string, string>[]
      expect(plugins.find((entry) => entry['Path'] === plugin)).toMatchObject({
        Name: 'compose',
        SchemaVersion: '0.1.0',
        Vendor: 'Flotilla',
        Version: 'v2.40.3',
        ShortDescription: 'Docker Compose',
      })
      expect(await docker(['compose', 'version'])).toMatchObject({
        code: 0,
        stdout: 'Docker Compose version v2.40.3\n',
      })
      const help = await docker(['compose', '--help'])
      expect(help.code).toBe(0)
      expect(help.stdout).toContain('docker compose [OPTIONS] COMMAND')
    })

    it('brings a project up and down through the docker command, its flags handed on', async () => {
      const up = await docker(['-D', 'compose', '-p', 'other', 'up', '-d'])
      expect(up.code, up.stderr).toBe(0)
      expect((await host.containers('other')).map((entry) => entry.state)).toEqual(['running'])
      const wrong = await docker(['-H', 'tcp://127.0.0.1:9', '--tlsverify=false', 'compose', '-p', 'other', 'ps'])
      expect(wrong.code).toBe(1)
      expect(wrong.stderr).toContain('tcp://127.0.0.1:9')
      expect((await docker(['compose', '-p', 'other', 'down', '-t', '1'])).code).toBe(0)
      expect(await host.containers('other')).toEqual([])
      const unknown = await docker(['compose', 'nope'])
      expect(unknown).toMatchObject({ code: 1 })
      expect(unknown.stderr).toContain('unknown docker command: "compose nope"')
    })

    it('ends an attached up when the docker command is told to end', async () => {
      const child = spawn('docker', ['compose', 'up'], { cwd: join(host.folder, 'shop'), env: env() })
      let stdout = ''
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
      const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
      expect(await host.eventually(async () => stdout.includes('web-1  | tick'))).toBe(true)
      child.kill('SIGTERM')
      expect(await ended).toBe(130)
      expect((await host.containers('shop')).map((entry) => entry.state)).toEqual(['exited'])
      expect((await docker(['compose', 'down'])).code).toBe(0)
    })

    it('can be installed twice, is removed, and removing it twice is an error', async () => {
      expect((await form.run('flotilla', ['install-plugin'], { env: env() })).code).toBe(0)
      expect(await form.run('flotilla', ['uninstall-plugin'], { env: env() })).toMatchObject({
        code: 0,
        stdout: `${plugin}\n`,
      })
      await expect(lstat(plugin)).rejects.toThrow('ENOENT')
      const again = await form.run('flotilla', ['uninstall-plugin'], { env: env() })
      expect(again.code).toBe(2 - 1)
      expect(again.stderr).toContain(`no plugin at ${plugin}`)
    })

    it('leaves the plugin of somebody else alone, unless told to replace it', async () => {
      const kept = join(config, 'cli-plugins', '.docker-compose.before-flotilla')
      await mkdir(join(config, 'cli-plugins'), { recursive: true })
      await writeFile(plugin, '#!/bin/sh\necho theirs\n')
      await chmod(plugin, 0o755)
      const install = await form.run('flotilla', ['install-plugin'], { env: env() })
      expect(install.code).toBe(1)
      expect(install.stderr).toContain(`${plugin} is there and is not ours`)
      const remove = await form.run('flotilla', ['uninstall-plugin'], { env: env() })
      expect(remove.code).toBe(1)
      expect(remove.stderr).toContain('is not ours and stays')
      // The second time there is nothing of theirs to keep.
      for (const said of [`what was there is kept as ${kept}\n`, '']) {
        const forced = await form.run('flotilla', ['install-plugin', '--force'], { env: env() })
        expect(forced).toMatchObject({ code: 0, stdout: `${plugin}\n`, stderr: said })
      }
      expect((await docker(['compose', 'version', '--short'])).stdout).toBe('2.40.3\n')
      const info = await docker(['info', '--format', '{{json .ClientInfo.Plugins}}'])
      expect(info.stdout).not.toContain('before-flotilla')
      expect(await form.run('flotilla', ['uninstall-plugin'], { env: env() })).toMatchObject({
        code: 0,
        stdout: `${plugin}\n`,
        stderr: 'what was there before is back\n',
      })
      expect(await readFile(plugin, 'utf8')).toBe('#!/bin/sh\necho theirs\n')
      expect((await stat(plugin)).mode & 0o777).toBe(0o755)
      await expect(lstat(kept)).rejects.toThrow('ENOENT')
      await rm(plugin)
    })

    it('keeps a link of somebody else as a link', async () => {
      await symlink('/usr/libexec/docker/cli-plugins/docker-compose', plugin)
      expect((await form.run('flotilla', ['install-plugin'], { env: env() })).code).toBe(1)
      expect((await form.run('flotilla', ['install-plugin', '--force'], { env: env() })).code).toBe(0)
      expect((await docker(['compose', 'version', '--short'])).stdout).toBe('2.40.3\n')
      expect((await form.run('flotilla', ['uninstall-plugin'], { env: env() })).code).toBe(0)
      expect(await readlink(plugin)).toBe('/usr/libexec/docker/cli-plugins/docker-compose')
      await rm(plugin)
    })

    it('says so when the folder of plugins cannot be written', async () => {
      const elsewhere = { ...env(), DOCKER_CONFIG: '/proc/nowhere' }
      const result = await form.run('flotilla', ['install-plugin'], { env: elsewhere })
      expect(result).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringContaining('/proc/nowhere/cli-plugins'),
      })
      expect((await form.run('flotilla', ['uninstall-plugin'], { env: elsewhere })).stderr).toContain('no plugin at')
    })
  })
})
