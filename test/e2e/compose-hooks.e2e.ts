import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import type { ComposeHost } from './compose-host.ts'

/** Hooks on real engines. Each leaves a line in a volume; what the volume holds is the judge. */

/**
 * Engine 20.10 hands a privileged command every capability there is, which the lab's hosts do not have; later ones
 * those that can be had.
 */
const makeFile = (version: string, command: string): string => `
services:
  web:
    image: ${sampleImage}
    command: ["sh", "-c", "echo main-$$MARK >>/log/lines; exec sleep 100000"]
    init: true
    user: "0"
    working_dir: /tmp
    environment: { MARK: "1" }
    stop_grace_period: 2s
    volumes: ["log:/log"]
    networks: [default, back]
    pre_start:
      - { command: ["sh", "-c", "echo init-$$MARK-$$EXTRA-$$(pwd) >>/log/lines; chmod 666 /log/lines"], environment: { EXTRA: x } }
      - { image: ${sampleImage}, command: ["sh", "-c", "echo other-$$(ls /sys/class/net | grep -c eth) >>/log/lines"] }
    post_start:
      - { command: ["sh", "-c", "echo started-$$MARK-$$EXTRA-$$(pwd)-$$(id -u) >>/log/lines"], environment: { EXTRA: y }, user: "7", working_dir: / }
      - { command: ["sh", "-c", "${command}"], privileged: ${version !== '20.10'} }
    pre_stop:
      - { command: ["sh", "-c", "echo stopping >>/log/lines; echo said-bye"] }
networks: { back: {} }
volumes: { log: {} }
`

describe.runIf(isRoot).each(['20.10', '28.5'])('hooks on engine %s (needs root on Linux)', (version) => {
  let running: Lab | undefined
  let host: ComposeHost
  const file = (command: string): string => makeFile(version, command)

  beforeAll(async () => {
    running = await lab({ engines: [version], image: true, namePrefix: 'hok' })
    host = await openComposeHost(running.hosts[0]!, version === '20.10' ? 'executable' : 'node')
    await host.write('hooks', { 'compose.yaml': file('echo second >>/log/lines') })
  })

  afterAll(async () => {
    await host?.close()
    await running?.down()
  })

  async function run(...args: readonly string[]): Promise<string> {
    const result = await host.compose('hooks', args)
    expect(result.code, result.stderr).toBe(0)
    return result.stdout
  }

  /** The lines written since the last look. */
  async function lines(): Promise<readonly string[]> {
    const mount = '/var/lib/docker/volumes/hooks_log/_data/lines'
    const host0 = running!.hosts[0]!
    const root = (await host0.docker(['info', '--format', '{{.DockerRootDir}}'])).stdout.trim()
    const path = mount.replace('/var/lib/docker', root)
    const found = await host0.exec(['sh', '-c', `cat ${path}; chmod 666 ${path}; : >${path}`])
    return found.stdout.split('\n').filter((line) => line !== '')
  }

  it('are run around starts and stops, once each, with what they ask for', async () => {
    // What an attempt before this one left would count here, too.
    await run('down', '-v', '-t', '1')
    await run('up', '-d')
    const begun = await lines()
    expect(begun.slice(0, 2)).toEqual(['init-1-x-/tmp', 'other-2'])
    // The container's own process and the first hook after its start run side by side.
    expect([...begun].sort()).toEqual(['init-1-x-/tmp', 'main-1', 'other-2', 'second', 'started-1-y-/-7'])
    await run('up', '-d')
    expect(await lines()).toEqual([])
    await run('restart')
    const restarted = await lines()
    expect(restarted[0]).toBe('stopping')
    expect([...restarted].sort()).toEqual(['main-1', 'second', 'started-1-y-/-7', 'stopping'])
    await run('stop')
    expect(await lines()).toEqual(['stopping'])
    await run('start')
    expect((await lines()).slice(0, 2)).toEqual(['init-1-x-/tmp', 'other-2'])
    await run('up', '-d', '--force-recreate')
    expect((await lines())[0]).toBe('stopping')
    // Nothing of the containers that prepared is left.
    expect(await host.containers('hooks')).toHaveLength(1)
  })

  it('show what they print in an attached up, and on Ctrl-C', async () => {
    await run('down', '-v', '-t', '1')
    await host.write('hooks', { 'compose.yaml': file('echo said-hello') })
    const child = host.start('hooks', ['up'])
    let stdout = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
    })
    const code = new Promise<number | null>((resolve) => {
      child.on('close', resolve)
    })
    try {
      expect(await host.eventually(async () => /web-1 -> +\| said-hello/.test(stdout))).toBe(true)
    } finally {
      child.kill('SIGINT')
    }
    expect(await code).toBe(130)
    expect(stdout).toMatch(/web-1 -> +\| said-bye/)
    await run('down', '-v')
  })

  it('that fail fail the command, with what they printed', async () => {
    await run('down', '-v', '-t', '1')
    await host.write('hooks', { 'compose.yaml': file('echo no-such-luck; exit 3') })
    const failed = await host.compose('hooks', ['up', '-d'])
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain('web hook exited with status 3')
    expect(failed.stderr).toContain('no-such-luck')
    await run('down', '-v', '-t', '1')
    const init = `services: { web: { image: ${sampleImage}, pre_start: [{ command: ["sh", "-c", "echo not-today; exit 4"] }] } }`
    await host.write('hooks', { 'compose.yaml': init })
    const refused = await host.compose('hooks', ['up', '-d'])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('service "web" pre_start[0] exited with code 4')
    expect(refused.stderr).toContain('not-today')
    expect((await host.containers('hooks')).map((entry) => entry.state)).toEqual(['created'])
    await run('down')
  })

  it('are left out when only labels are known', async () => {
    await host.write('hooks', { 'compose.yaml': file('true') })
    await run('down', '-v', '-t', '1')
    await run('up', '-d')
    await lines()
    const result = await host.compose('hooks', ['-p', 'hooks', 'stop', '-t', '1'])
    expect(result.code, result.stderr).toBe(0)
    expect(await lines()).toEqual([])
    await run('down', '-v')
    expect([await host.containers('hooks'), await host.resources('hooks')]).toEqual([[], []])
  })
})
