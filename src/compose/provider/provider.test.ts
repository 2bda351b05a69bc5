import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../core/clock.ts'
import type { ProgressEvent } from '../../core/progress.ts'
import { systemClock } from '../../io/clock.ts'
import { dependsOn, dictionary, project, service } from '../../testing/compose-builders.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { prepareModels } from '../ai-model.ts'
import type { Project } from '../model/project.ts'
import type { Provider, Service } from '../model/service.ts'
import { parseMessage } from './message.ts'
import { parseMetadata, toProviderArguments } from './metadata.ts'
import { runProvider } from './provider.ts'
import type { ProviderVariable } from './variables.ts'
import { withVariables } from './variables.ts'

/** Providers and the docker-model plugin are programs: here they are small scripts. */

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'provider-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

async function script(name: string, body: string): Promise<void> {
  await mkdir(join(folder, 'cli-plugins'), { recursive: true })
  const path = join(folder, name)
  await writeFile(path, `#!/bin/sh\necho "$@" >>${folder}/calls\n${body}\n`)
  await chmod(path, 0o755)
}

async function calls(): Promise<readonly string[]> {
  const text = await readFile(join(folder, 'calls'), 'utf8')
  return text.trim().split('\n')
}

const processEnv = (): Record<string, string> => ({ PATH: `${folder}:/usr/bin:/bin`, DOCKER_CONFIG: folder })

function makeProject(services: readonly Service[], extra: Parameters<typeof project>[1] = {}): Project {
  const environment = dictionary(processEnv())
  return project(services, { environment, ...extra })
}

type Provided = Service & { readonly provider: Provider }

const db = (options: Readonly<Record<string, readonly string[]>> = {}): Provided => ({
  ...service('db'),
  provider: { type: 'cloud', options: dictionary(options) },
})

async function call(
  provided: Provided,
  command: 'up' | 'down' | 'stop' = 'up',
): Promise<{ readonly variables: readonly ProviderVariable[]; readonly lines: readonly string[] }> {
  const lines: string[] = []
  const variables = await runProvider(makeProject([provided]), provided, command, {
    env: processEnv(),
    clock: systemClock,
    progress: ({ id, text }) => lines.push(`${id} ${text}`),
    debug: (message) => lines.push(message),
  })
  return { variables, lines }
}

const metadata = `[ "$2" = metadata ] && { echo '{"up":{"parameters":[{"name":"size","required":true}]},"down":{}}'; exit 0; }; true`

describe('a provider', () => {
  it('is called with the project, its options and the service, and heard', async () => {
    await script(
      'cloud',
      `[ "$2" = metadata ] && exit 1
echo '{"type":"info","message":"making it"}'
echo '{"type":"debug","message":"hm"}'
echo '{"type":"setenv","message":"URL=https://x/?a=b"}'
echo '{"type":"rawsetenv","message":"TOKEN=t"}'`,
    )
    const { variables, lines } = await call(db({ size: ['1', '2'], name: ['n'] }))
    expect((await calls())[1]).toBe('compose --project-name=p up --name=n --size=1 --size=2 db')
    expect(lines).toEqual(['db Creating', 'db making it', 'db: hm', 'db Created'])
    const web = service('web', { depends_on: dependsOn('db'), environment: dictionary({ TOKEN: 'old' }) })
    const warnings: string[] = []
    const made = withVariables(makeProject([db(), web, service('other')]), 'db', variables, (text) =>
      warnings.push(text),
    )
    expect({ ...made.services['web']?.environment }).toEqual({ TOKEN: 't', DB_URL: 'https://x/?a=b' })
    expect(made.services['other']?.environment).toBeUndefined()
    expect(warnings).toEqual(['provider "db" overrides environment variable "TOKEN" in service "web"'])
  })

  it('hears what env files of the project say, but not what would make it run other code (H-Y11)', async () => {
    await script('cli-plugins/docker-cloud', `env >>${folder}/seen`)
    const evil = {
      LD_PRELOAD: './evil.so',
      NODE_OPTIONS: '--require ./evil.js',
      GIT_SSH_COMMAND: 'evil',
      BASH_ENV: './evil.sh',
      PYTHONSTARTUP: 'evil.py',
      __proto__: 'x',
    }
    const environment = dictionary({ ...evil, ...processEnv(), CLOUD_TOKEN: 't', DOCKER_HOST: 'tcp://h:1' })
    const made = makeProject([db()], { environment })
    const o = { clock: systemClock, progress() {}, debug() {} }
    await runProvider(made, db(), 'up', { ...o, env: { ...processEnv(), GIT_SSH_COMMAND: 'mine' } })
    const seen = await readFile(join(folder, 'seen'), 'utf8')
    expect(seen).toMatch(/^CLOUD_TOKEN=t$/m)
    expect(seen).toMatch(/^DOCKER_HOST=tcp:\/\/h:1$/m)
    expect(seen).toMatch(/^GIT_SSH_COMMAND=/m)
    expect(seen).not.toMatch(/^(?:LD_PRELOAD|NODE_OPTIONS|BASH_ENV|PYTHONSTARTUP)=/m)
  })

  it('is looked for where the user keeps programs, not where the project says', async () => {
    await script('cli-plugins/docker-cloud', '')
    await script('cloud', '')
    const elsewhere = {
      clock: systemClock,
      progress() {},
      debug() {},
      env: { PATH: '/usr/bin:/bin', DOCKER_CONFIG: '/nonexistent' },
    }
    await expect(runProvider(makeProject([db()]), db(), 'up', elsewhere)).rejects.toThrow('not found in $PATH')
  })

  it('that describes itself gets only options it knows, and all it needs', async () => {
    await script('cli-plugins/docker-cloud', metadata)
    await call(db({ size: ['1'], other: ['x'] }))
    await call(db({ size: ['1'] }), 'down')
    expect((await call(db({ size: ['1'] }), 'stop')).lines).toEqual([])
    expect(await calls()).toEqual([
      'compose metadata',
      'compose --project-name=p up --size=1 db',
      'compose metadata',
      'compose --project-name=p down db',
      'compose metadata',
    ])
    await expect(call(db())).rejects.toThrow('required parameter "size" is missing from provider "cloud" definition')
  })

  it('may say several things in a line, one in several, and spell fields as Go does', async () => {
    await script(
      'cloud',
      `[ "$2" = metadata ] && exit 1
printf '{"type":"setenv","message":"A=1"}{"type":"setenv","message":"B=}\\\\n{"}\\n'
printf '{\\n  "type": "setenv",\\n  "message": "C=3"\\n}\\r\\n\\n'
printf '{"Type":"setenv","Message":"=4"}'`,
    )
    const { variables } = await call(db())
    expect(variables.map(({ name, value }) => `${name}=${value}`)).toEqual(['A=1', 'B=}\n{', 'C=3', '=4'])
  })

  it('is told the settings of its service when it asks', async () => {
    await script(
      'cloud',
      `[ "$2" = metadata ] && exit 1\necho '{"type":"get-service-config"}'\nread line\necho "$line" >${folder}/asked`,
    )
    await call(db({ size: ['1'] }))
    expect(JSON.parse(await readFile(join(folder, 'asked'), 'utf8'))).toMatchObject({
      image: 'busybox',
      provider: { type: 'cloud', options: { size: ['1'] } },
    })
  })

  it('that fails, complains or is not there ends it with the reason', async () => {
    await expect(call(db())).rejects.toThrow('exec: "cloud": executable file not found in $PATH')
    await expect(call({ ...db(), provider: { type: 'compose' } })).rejects.toThrow(
      "'compose' is not a valid provider type",
    )
    await expect(call({ ...db(), provider: { type: '../evil' } })).rejects.toThrow('executable file not found')
    await script('cloud', '')
    const long = { size: ['x'.repeat(200_000)] }
    await expect(call(db(long))).rejects.toThrow(/^failed to create service provider: .*: argument list too long$/)
    await rm(join(folder, 'cloud'))
    await script('cloud', 'echo broken >&2; exit 3')
    await expect(call(db())).rejects.toThrow(/^failed to create service provider: .*exit code 3: broken/)
    await script('cloud', `[ "$2" = metadata ] && exit 1; echo '{"type":"error","message":"quota"}'; sleep 100`)
    await expect(call(db())).rejects.toThrow(/^quota$/)
    await script('cloud', 'echo hello')
    await expect(call(db())).rejects.toThrow('invalid response from plugin: hello')
  })
})

describe('a provider that is interrupted', () => {
  /** Calls it, interrupts it once it has said something, and waits for the end. */
  async function interrupt(body: string, clock: Clock, then: () => void = () => {}): Promise<readonly string[]> {
    await script('cloud', `[ "$2" = metadata ] && exit 1\n${body}`)
    const stop = new AbortController()
    const lines: string[] = []
    const running = runProvider(makeProject([db()]), db(), 'up', {
      env: processEnv(),
      clock,
      signal: stop.signal,
      progress: ({ text }) => {
        lines.push(text)
        if (text === 'half made') {
          stop.abort(new DOMException('SIGINT', 'AbortError'))
          then()
        }
      },
      debug() {},
    })
    await expect(running).rejects.toThrow('SIGINT')
    return lines
  }
  const started = `echo '{"type":"info","message":"half made"}'`

  it('is heard while it takes back what it has made', async () => {
    const tidy = `trap 'echo "{\\"type\\":\\"info\\",\\"message\\":\\"tidied\\"}"; exit 0' INT`
    const lines = await interrupt(`${tidy}\n${started}\nsleep 100 & wait`, systemClock)
    expect(lines.slice(0, 3)).toEqual(['Creating', 'half made', 'tidied'])
    expect(lines).not.toContain('Created')
  })

  it('is killed when it does not care', async () => {
    const clock = manualClock()
    const deaf = `trap '' INT\n${started}\nwhile true; do sleep 100; done`
    await interrupt(deaf, clock, () => void clock.advance(10_000))
  })
})

describe('what a provider prints', () => {
  it.each([
    ['[]', 'invalid response from plugin: []'],
    ['{"type":"what"}', 'invalid response from plugin: what'],
    ['{"type":"setenv","message":"novalue"}', 'invalid response from plugin: novalue'],
    ['{"type":7}', 'invalid response from plugin: {"type":7}'],
  ])('%s is refused', (line, message) => {
    expect(() => parseMessage(line)).toThrow(message)
  })

  it('of itself may be anything', () => {
    expect(parseMetadata('usage: cloud')).toBeUndefined()
    expect(parseMetadata('{}')).toBeUndefined()
    expect(parseMetadata('{"up":{"parameters":[null,{"name":"a"}]}}')).toEqual({
      up: [{ name: 'a', isRequired: false }],
    })
    expect(toProviderArguments('p', 's', { type: 't' }, 'stop', undefined)).toBeUndefined()
  })
})

describe('AI models', () => {
  const models = dictionary({
    'my-llm': { model: 'ai/small', context_size: 1024, runtime_flags: ['--x'] },
  })
  const web = service('web', { models: dictionary({ 'my-llm': null }) })
  const named = service('named', { models: dictionary({ 'my-llm': { endpoint_var: 'WHERE', model_var: 'WHICH' } }) })
  let events: string[] = []
  const options = {
    clock: systemClock,
    progress: ({ id, text }: { readonly id: string; readonly text: string }) => void events.push(`${id} ${text}`),
    env: {} as Record<string, string>,
  }
  beforeEach(() => {
    events = []
    options.env = processEnv()
  })

  it('are pulled, configured, and told to the services that use them', async () => {
    await script(
      'cli-plugins/docker-model',
      `case $1 in status) echo '{"endpoint":"http://here/"}';; ls) echo '[]';; esac`,
    )
    const want = makeProject([web, named], { models })
    const made = await prepareModels(want, [web, named], options)
    expect(events).toEqual(['my-llm Pulling', 'my-llm Pulled', 'my-llm Configuring', 'my-llm Configured'])
    expect(await calls()).toEqual([
      'ls --json',
      'pull ai/small',
      'configure --context-size 1024 ai/small -- --x',
      'status --json',
    ])
    expect({ ...made.services['web']?.environment }).toEqual({ MY_LLM_MODEL: 'ai/small', MY_LLM_URL: 'http://here/' })
    expect({ ...made.services['named']?.environment }).toEqual({ WHICH: 'ai/small', WHERE: 'http://here/' })
    await script(
      'cli-plugins/docker-model',
      `[ "$1" = status ] && echo '{"endpoint":"e"}' || echo '[{"tags":["ai/small"]}]'`,
    )
    await prepareModels(want, [web], options)
    expect((await calls()).filter((line) => line.startsWith('pull'))).toHaveLength(1)
  })

  it('show how far their pull is', async () => {
    const body = `[ "$1" = status ] && echo '{"endpoint":"e"}'\n[ "$1" = pull ] && printf '1 MB\\r2 MB\\ndone'\nexit 0`
    await script('cli-plugins/docker-model', body)
    const details: string[] = []
    const progress = ({ text, detail = '' }: ProgressEvent): void => void details.push(`${text} ${detail}`.trim())
    await prepareModels(makeProject([web], { models }), [web], { ...options, progress })
    expect(details.slice(0, 5)).toEqual(['Pulling', 'Pulling 1 MB', 'Pulling 2 MB', 'Pulling done', 'Pulled'])
  })

  it('need the plugin, and say what it says when it fails', async () => {
    const want = makeProject([web], { models })
    await expect(prepareModels(want, [web], options)).rejects.toThrow("'models' support requires Docker Model plugin")
    await script('cli-plugins/docker-model', 'echo no disk >&2; exit 2')
    await expect(prepareModels(want, [web], options)).rejects.toMatchObject({
      message: 'docker model pull ai/small ended with exit code 2',
      hint: 'no disk',
    })
    expect(await prepareModels(want, [], options)).toBe(want)
  })
})
