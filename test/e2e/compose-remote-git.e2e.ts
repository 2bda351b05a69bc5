import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer as createHttpsServer } from 'node:https'
import type { Server as HttpsServer } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { issueCertificate, makeCa } from '../../src/io/certificates.ts'
import { systemClock } from '../../src/io/clock.ts'
import { execChecked } from '../../src/io/exec.ts'
import { pollUntil } from '../../src/io/process-identity.ts'
import { canConnect } from '../../src/io/can-connect.ts'
import { isRoot } from './compose-host.ts'
import { ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'

/** Compose files out of private repositories: a real sshd, and git's own HTTP server behind TLS and a password. */

const login = 'ann:s3cret'

describe.runIf(isRoot)('files from private repositories (needs root on Linux for sshd)', () => {
  let folder = ''
  let sshd: ChildProcess | undefined
  let https: HttpsServer | undefined
  let sshPort = 0
  let httpsPort = 0
  let head = ''

  beforeAll(async () => {
    ensurePrograms()
    folder = await mkdtemp(join(tmpdir(), 'flotilla-git-'))
    await makeRepository()
    await startSshd()
    await startHttps()
  })

  afterAll(async () => {
    sshd?.kill('SIGTERM')
    https?.closeAllConnections()
    https?.close()
    if (folder !== '') await rm(folder, { recursive: true, force: true })
  })

  async function run(...words: readonly [string, ...string[]]): Promise<string> {
    return (await execChecked(words, { clock: systemClock })).trim()
  }

  async function makeRepository(): Promise<void> {
    const work = join(folder, 'work')
    await mkdir(join(work, 'deploy', 'parts'), { recursive: true })
    await writeFile(
      join(work, 'deploy', 'compose.yaml'),
      'include: [parts/db.yaml]\nservices: { web: { image: web } }\n',
    )
    await writeFile(join(work, 'deploy', 'parts', 'db.yaml'), 'services: { db: { image: db } }\n')
    const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.org']
    await run('git', '-c', 'init.defaultBranch=main', 'init', '-q', work)
    await run('git', '-C', work, 'add', '-A')
    await run('git', ...identity, '-C', work, 'commit', '-q', '-m', 'first')
    await run('git', '-C', work, 'tag', 'v1')
    head = await run('git', '-C', work, 'rev-parse', 'HEAD')
    await run('git', 'clone', '-q', '--bare', work, join(folder, 'shop.git'))
  }

  async function startSshd(): Promise<void> {
    for (const name of ['host', 'user', 'other']) {
      await run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name))
    }
    await writeFile(join(folder, 'authorized_keys'), await readFile(join(folder, 'user.pub')), { mode: 0o600 })
    sshPort = await freePort()
    const settings = ['PidFile=none', 'UsePAM=no', 'StrictModes=no', 'PermitRootLogin=yes', 'PasswordAuthentication=no']
    await mkdir('/run/sshd', { recursive: true })
    sshd = spawn(
      '/usr/sbin/sshd',
      ['-D', '-e', '-f', '/dev/null', '-h', join(folder, 'host'), '-p', String(sshPort)].concat(
        ['ListenAddress=127.0.0.1', `AuthorizedKeysFile=${join(folder, 'authorized_keys')}`, ...settings].flatMap(
          (setting) => ['-o', setting],
        ),
      ),
      { stdio: 'ignore' },
    )
    expect(await pollUntil(() => canConnect('127.0.0.1', sshPort, 1000), 20_000, systemClock)).toBe(true)
    const hostKey = (await readFile(join(folder, 'host.pub'), 'utf8')).split(' ').slice(0, 2).join(' ')
    await writeFile(join(folder, 'known_hosts'), `[127.0.0.1]:${sshPort} ${hostKey}\n`)
  }

  async function startHttps(): Promise<void> {
    const wanted = { organization: 'test', keyKind: 'ecdsa', nowMs: systemClock.nowMs(), days: 2 } as const
    const ca = await makeCa({ ...wanted, commonName: 'authority of this test' })
    const pair = await issueCertificate(ca, {
      ...wanted,
      commonName: 'git',
      usages: ['server'],
      names: ['localhost', '127.0.0.1'],
    })
    await writeFile(join(folder, 'ca.pem'), ca.cert)
    const askpass = join(folder, 'askpass')
    await writeFile(askpass, `#!/bin/sh\ncase "$1" in User*) echo ann ;; *) echo s3cret ;; esac\n`)
    await chmod(askpass, 0o700)
    https = createHttpsServer({ cert: pair.cert, key: pair.key }, serveGit)
    const server = https
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    httpsPort = typeof address === 'object' && address !== null ? address.port : 0
  }

  /** CGI (RFC 3875), as much of it as git's own server needs. */
  function serveGit(request: IncomingMessage, response: ServerResponse): void {
    if (request.headers.authorization !== `Basic ${Buffer.from(login).toString('base64')}`) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="shop"' }).end()
      return
    }
    const url = new URL(request.url ?? '/', 'https://localhost')
    const child = spawn('git', ['http-backend'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: {
        PATH: process.env['PATH'],
        GIT_PROJECT_ROOT: folder,
        GIT_HTTP_EXPORT_ALL: '1',
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'safe.directory',
        GIT_CONFIG_VALUE_0: '*',
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
        PATH_INFO: url.pathname,
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        REMOTE_USER: 'ann',
        REMOTE_ADDR: '127.0.0.1',
      },
    })
    request.pipe(child.stdin)
    child.stdin.on('error', () => {})
    const parts: Buffer[] = []
    child.stdout.on('data', (part: Buffer) => parts.push(part))
    child.on('close', () => {
      const all = Buffer.concat(parts)
      const end = all.indexOf('\r\n\r\n')
      const lines = all.toString('latin1', 0, end).split('\r\n')
      const headers = lines.map(
        (line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const,
      )
      const status = headers.find(([name]) => name === 'Status')?.[1].slice(0, 3) ?? '200'
      response.writeHead(Number(status), Object.fromEntries(headers.filter(([name]) => name !== 'Status')))
      response.end(all.subarray(end + 4))
    })
  }

  function ours(reference: string, more: Record<string, string>): Promise<RunResult> {
    const env = { HOME: folder, XDG_CACHE_HOME: join(folder, 'cache', String(Math.random())), ...more }
    return programForms[0]!.run('docker-compose', ['-f', reference, 'config', '--format', 'json'], {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '', ...env },
      timeoutMs: 60_000,
    })
  }

  /** `ssh` as the configuration of a user would have it. */
  function sshWith(key: string, knownHosts = 'known_hosts'): Record<string, string> {
    const options = `-i ${join(folder, key)} -o IdentitiesOnly=yes -o UserKnownHostsFile=${join(folder, knownHosts)}`
    return { GIT_SSH_COMMAND: `ssh -F none -o BatchMode=yes ${options}` }
  }

  function expectShop(result: RunResult): void {
    expect(result.stderr).toBe('')
    const { name, services } = JSON.parse(result.stdout) as { name: string; services: Record<string, unknown> }
    expect([name, Object.keys(services).sort()]).toEqual(['deploy', ['db', 'web']])
  }

  it('come over ssh, by a branch, a tag and a commit, files beside them included', async () => {
    const url = `ssh://${userInfo().username}@127.0.0.1:${sshPort}${join(folder, 'shop.git')}`
    for (const ref of ['main', 'v1', head]) expectShop(await ours(`${url}#${ref}:deploy`, sshWith('user')))
  })

  it('are refused where the key or the server is a stranger’s, and the message says which', async () => {
    const url = `ssh://${userInfo().username}@127.0.0.1:${sshPort}${join(folder, 'shop.git')}#main:deploy`
    const stranger = await ours(url, sshWith('other'))
    expect([stranger.code, stranger.stdout]).toEqual([1, ''])
    expect(stranger.stderr).toContain('Permission denied (publickey')
    const changed = await ours(url, sshWith('user', 'nobody_knows'))
    expect([changed.code, changed.stdout]).toEqual([1, ''])
    expect(changed.stderr).toContain('Host key verification failed')
  })

  it('come over https, with a password out of the address or of the user’s helper', async () => {
    const trust = { GIT_SSL_CAINFO: join(folder, 'ca.pem') }
    const inAddress = await ours(`https://${login}@127.0.0.1:${httpsPort}/shop.git#v1:deploy`, trust)
    expectShop(inAddress)
    const helper = { ...trust, GIT_ASKPASS: join(folder, 'askpass') }
    expectShop(await ours(`https://127.0.0.1:${httpsPort}/shop.git#main:deploy`, helper))
  })

  it('are refused over https without trust or password, without a question, and no password is shown', async () => {
    const trust = { GIT_SSL_CAINFO: join(folder, 'ca.pem') }
    const untrusted = await ours(`https://${login}@127.0.0.1:${httpsPort}/shop.git#v1:deploy`, {})
    expect([untrusted.code, untrusted.stdout]).toEqual([1, ''])
    expect(untrusted.stderr).toMatch(/cannot fetch https:\/\/\*\*\*@127\.0\.0\.1:\d+\/shop\.git: .*certificate/)
    const anonymous = await ours(`https://127.0.0.1:${httpsPort}/shop.git#v1:deploy`, trust)
    expect([anonymous.code, anonymous.stdout]).toEqual([1, ''])
    expect(anonymous.stderr).toContain('terminal prompts disabled')
    const wrong = await ours(`https://ann:wr0ng@127.0.0.1:${httpsPort}/shop.git#v1:deploy`, trust)
    expect([wrong.code, wrong.stderr.includes('wr0ng')]).toEqual([1, false])
    expect(wrong.stderr).toContain('Authentication failed')
  })
})

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
