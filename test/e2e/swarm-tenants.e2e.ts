import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isRoot } from './compose-host.ts'
import { programForms } from './programs.ts'
import type { RunResult } from './programs.ts'
import { dockerClis, startCluster } from './swarm-cluster.ts'
import type { TestCluster } from './swarm-cluster.ts'

/** Two tenants with real docker commands at one endpoint over two real engines, at the same time. */

const hash = (token: string): string => createHash('sha256').update(token).digest('hex')
const names = ['blue', 'red'] as const
type Name = (typeof names)[number]

const access = `users:
  blue: {token: "sha256:${hash('token-of-blue')}", role: tenant, tenant: blue}
  red: {token: "sha256:${hash('token-of-red')}", role: tenant, tenant: red}
tenants:
  blue: {quota: {containers: 6, memory: 1g, volumes: 4, networks: 3}}
  red: {}
socket: admin
`

let cluster: TestCluster
let folder = ''

/** The newest and the oldest command: the two speak different versions of the API. */
const clis: Readonly<Record<Name, string>> = {
  blue: dockerClis[0]?.path ?? 'docker',
  red: dockerClis.at(-1)?.path ?? 'docker',
}

/** A shell line as a tenant; `$D` is docker, `$T` the tenant's name, `$I` an image that all have. */
function as(tenant: Name, line: string, limitMs = 120_000): Promise<RunResult> {
  const set = `export DOCKER_CONFIG=${join(folder, tenant)} T=${tenant} DOCKER_CLI_HINTS=false; cd ${folder}; set -o pipefail`
  return cluster.shell(clis[tenant], `${set}; ${line}`, limitMs)
}

async function ok(tenant: Name, line: string): Promise<string> {
  const result = await as(tenant, line)
  expect(result.code, `${tenant}: ${line}\n${result.stdout}\n${result.stderr}`).toBe(0)
  return result.stdout
}

/** As an admin, through the socket without a token. */
async function admin(line: string): Promise<string> {
  const result = await cluster.shell(clis.blue, `cd ${folder}; ${line}`)
  expect(result.code, `${line}\n${result.stderr}`).toBe(0)
  return result.stdout.trim()
}

/** What a tenant does in a day; what it says is looked through for words of the other one. */
const day: readonly string[] = [
  '$D network create $T-net',
  '$D volume create --label of=$T $T-vol',
  '$D run -d --name $T-web --memory 64m --network $T-net -v $T-vol:/data -v $T-made:/made --label secret=$T $I sh -c "echo said by $T; sleep 300"',
  '$D run --name $T-job --memory 64m --network container:$T-web --volumes-from $T-web $I sh -c "echo $T > /data/file; cat /data/file"',
  '$D exec $T-web cat /data/file',
  '$D ps -a --no-trunc',
  '$D ps -a --filter label=secret --filter network=$T-net --filter volume=$T-vol --filter ancestor=$I',
  '$D inspect $T-web $T-job',
  '$D logs $T-web; $D logs $T-job',
  '$D top $T-web; $D stats --no-stream',
  '$D diff $T-web; $D port $T-web; $D cp $T-web:/data/file $T-file; $D cp $T-file $T-web:/again; cat $T-file',
  '$D export $T-job | tar t | tail -1',
  '$D network ls --no-trunc; $D network inspect $T-net; $D volume ls; $D volume inspect $T-vol $T-made',
  'for each in $($D network ls --filter name=bridge --filter type=builtin -q); do $D network inspect $each; done',
  '$D images -a --no-trunc; $D image inspect $I; $D history $I',
  '$D system df; $D system df -v; $D info; $D version',
  '$D events --since 600s --until $(($(date +%s) + 1))',
  '$D update --memory 96m --memory-swap 96m $T-web; $D rename $T-job $T-done; $D pause $T-web; $D unpause $T-web; $D restart -t 0 $T-web',
  '$D commit $T-done $T/kept:1; $D tag $T/kept:1 $T/kept:2; $D history $T/kept:1; $D save $T/kept:2 | tar t | tail -1',
  '$D run --rm --memory 64m $T/kept:1 true',
  'mkdir -p $T-context; echo data > $T-context/data; printf "FROM scratch\\nCOPY data /\\nLABEL com.flotilla.tenant=other\\n" > $T-context/Dockerfile; DOCKER_BUILDKIT=0 $D build -t $T/built $T-context 2>&1',
  `$D image inspect -f '{{index .Config.Labels "com.flotilla.tenant"}}' $T/built`,
  '$D network disconnect $T-net $T-web; $D network connect --alias again $T-net $T-web',
  '($D wait $T-web & sleep 0.5; $D kill $T-web; wait)',
]

const evening: readonly string[] = [
  '$D rm -f $T-web; $D container prune -f; $D ps -aq',
  '$D network prune -f; $D volume rm $T-vol $T-made; $D volume prune -f; $D image prune -af; $D images',
]

describe.runIf(isRoot)('tenants of a cluster of engines 20.10 and 28.5 (needs root on Linux)', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-tenants-'))
    const file = join(folder, 'access.yaml')
    await writeFile(file, access, { mode: 0o600 })
    for (const name of names) {
      await mkdir(join(folder, name))
      const config = { HttpHeaders: { Authorization: `Bearer token-of-${name}` } }
      await writeFile(join(folder, name, 'config.json'), JSON.stringify(config))
    }
    cluster = await startCluster({ engines: ['20.10', '28.5'], namePrefix: 'ten' }, [
      '--cluster-opt',
      `swarm.access=${file}`,
    ])
    await admin('$D run -d --name boss-web --label secret=boss -v boss-vol:/x $I sleep 300; $D network create boss-net')
  }, 180_000)
  afterAll(async () => {
    await cluster?.down()
    await rm(folder, { recursive: true, force: true })
  })

  it('have the same day at once, and see nothing of each other', async () => {
    const said: Record<Name, string> = { blue: '', red: '' }
    await Promise.all(
      names.map(async (name) => {
        for (const line of day) {
          const { code, stdout, stderr } = await as(name, line)
          said[name] += `$ ${line}\n${stdout}${stderr}`
          expect(code, `${name}: ${line}\n${stdout}\n${stderr}`).toBe(0)
        }
      }),
    )
    const all = await admin(`$D ps -a --no-trunc --format '{{.ID}} {{.Names}}'`)
    const idsOf = (name: string): readonly string[] =>
      all.split('\n').flatMap((line) => (line.includes(`/${name}-`) ? [line.slice(0, 12)] : []))
    expect(idsOf('blue').length).toBeGreaterThan(1)
    for (const name of names) {
      const other = name === 'blue' ? 'red' : 'blue'
      expect(said[name]).toContain(`said by ${name}`)
      const words = new RegExp(String.raw`\b(?:${other}-\w+|${other}/\w+|said by ${other}|secret=${other}|boss-\w+)\b`)
      expect(said[name].match(words)?.[0], said[name]).toBeUndefined()
      for (const id of [...idsOf(other), ...idsOf('boss')]) expect(said[name]).not.toContain(id)
      // The Dockerfile said otherwise.
      expect(said[name]).toMatch(new RegExp(String.raw`\n${name}\n`))
    }
  }, 240_000)

  it('reach nothing of each other, by no name, ID or option', async () => {
    const id = await admin(`$D inspect -f '{{.Id}}' red-done`)
    const swarmId = await admin(`$D inspect -f '{{index .Config.Labels "com.docker.swarm.id"}}' red-done`)
    const node = await admin(`$D inspect -f '{{.Node.Name}}' red-done`)
    const network = await admin(`$D network inspect -f '{{.Id}}' red-net`)
    const image = await admin(`$D image inspect -f '{{.Id}}' red/kept:1`)
    const containers = ['red-done', id, id.slice(0, 12), id.slice(0, 6), `${node}/red-done`, swarmId, 'boss-web']
    const commands = [
      'inspect X',
      'logs X',
      'exec X id',
      'cp X:/etc/passwd stolen',
      'export -o stolen X',
      'attach --no-stdin X',
      'start X',
      'stop -t 0 X',
      'rm X',
      'rename X mine',
      'commit X blue/stolen',
      'update --memory 64m X',
      'wait X',
      'top X',
      'run --rm --memory 64m --volumes-from X $I true',
      'run --rm --memory 64m --network container:X $I true',
      'run --rm --memory 64m --pid container:X $I true',
      'run --rm --memory 64m --ipc container:X $I true',
      'run --rm --memory 64m --link X:peer $I true',
      'network connect blue-net X',
    ]
    for (const command of commands) {
      const line = containers
        .map((ref) => `$D ${command.replace('X', ref)} >>told 2>&1 && echo ${command} ${ref}`)
        .join('; ')
      const result = await as('blue', `rm -f told; ${line}; cat told >&2`)
      expect(result.stdout, command).toBe('')
      expect(result.stderr, command).toMatch(/[Nn]o such|not found|No such container/)
      expect(result.stderr, command).not.toMatch(/denied|forbidden|belongs/i)
    }
    for (const ref of ['red-net', network, network.slice(0, 12), 'boss-net']) {
      for (const command of [
        `network inspect ${ref}`,
        `network rm ${ref}`,
        `network connect ${ref} blue-web`,
        `run --rm --memory 64m --network ${ref} $I true`,
        `run --rm --memory 64m --network-alias db --network ${ref} $I true`,
      ]) {
        const result = await as('blue', `$D ${command}`)
        expect([command, result.code === 0]).toEqual([command, false])
        expect(result.stderr).toMatch(/not found|No such network/i)
      }
    }
    for (const ref of ['red/kept:1', image, image.slice(7, 19)]) {
      for (const command of [
        `run --rm --memory 64m ${ref} true`,
        `inspect ${ref}`,
        `history ${ref}`,
        `save -o stolen ${ref}`,
        `tag ${ref} blue/stolen`,
        `rmi ${ref}`,
        `push ${ref}`,
      ]) {
        const result = await as('blue', `$D ${command}`)
        expect([command, result.code === 0]).toEqual([command, false])
      }
    }
    for (const command of [
      'volume inspect red-vol',
      'volume rm -f boss-vol; $D volume inspect boss-vol',
      'run --rm --memory 64m -v red-vol:/x $I cat /x/file',
      'run --rm --memory 64m --mount type=volume,src=red-made,dst=/x $I true',
      'volume create red-vol',
      'network create red-net',
      'run --name red-done --memory 64m $I true',
    ]) {
      const result = await as('blue', `$D ${command}`)
      expect([command, result.code === 0]).toEqual([command, false])
      expect(result.stderr).not.toContain('tenant')
    }
    expect(await admin('$D volume inspect -f "{{.Name}}" boss-vol red-vol')).toBe('boss-vol\nred-vol')
    const told = await as(
      'blue',
      `$D run --rm --memory 64m -e affinity:container==red-done $I true; $D run --rm --memory 64m -e affinity:secret==red $I true`,
    )
    expect(told.stderr.match(/Unable to find a node that satisfies/g)).toHaveLength(2)
    // By exclusion neither: what is not there excludes nothing.
    await ok('blue', '$D run --rm --memory 64m -e affinity:container!=red-done $I true')
  }, 240_000)

  it('have quotas, and an admin sees who has what', async () => {
    const many = Array.from(
      { length: 12 },
      (_, at) => `($D run -d --memory 32m --name blue-${at} $I sleep 60 >/dev/null 2>>over &)`,
    ).join('; ')
    await as('blue', `rm -f over; ${many}; wait; sleep 3`)
    await expect
      .poll(() => as('blue', 'wc -l < over').then((each) => Number(each.stdout)), { timeout: 60_000 })
      .toBeGreaterThan(0)
    await expect
      .poll(() => as('blue', 'grep -c quota over').then((each) => Number(each.stdout)), { timeout: 60_000 })
      .toBe(8)
    expect((await ok('blue', '$D ps -aq')).trim().split('\n')).toHaveLength(6)
    expect(await ok('blue', 'cat over')).toContain(
      'tenant blue would go over its quota of containers: 6 in use, 1 more asked for, limit 6',
    )
    const unsaid = await as('blue', '$D run -d $I sleep 1')
    expect(unsaid.stderr).toContain(
      'tenant blue has a quota of memory, so a container has to say how much it may use (--memory)',
    )
    expect((await admin(`$D ps -aq --filter label=com.flotilla.tenant=blue`)).split('\n')).toHaveLength(6)
    const rows = JSON.parse(
      await admin(`curl -s --unix-socket ${cluster.socket} http://d/flotilla/tenants`),
    ) as readonly Record<string, unknown>[]
    expect(rows).toMatchObject([
      {
        Name: 'blue',
        Containers: { Used: 6, Limit: 6 },
        Volumes: { Used: 2, Limit: 4 },
        Networks: { Used: 1, Limit: 3 },
      },
      { Name: 'red', Containers: { Limit: null } },
    ])
    await cluster.restartManager()
    await expect
      .poll(() => as('blue', '$D ps -aq').then((each) => each.stdout.trim().split('\n').length), { timeout: 60_000 })
      .toBe(6)
    expect((await as('blue', '$D run -d --memory 32m $I true')).stderr).toContain('quota of containers')
    await ok('blue', '$D rm -f $($D ps -aq --filter name=blue-[0-9])')
  }, 240_000)

  it('have projects of Compose, which name what they make like the tenant', async () => {
    const compose = programForms.find((form) => form.name === 'executable')?.command('docker-compose') ?? []
    const C = compose.map((word) => `'${word}'`).join(' ')
    const file = `services:\n  web: {image: flotilla/sample, command: [sleep, "300"], mem_limit: 32m, volumes: ["data:/data"]}\nvolumes: {data: {}}\n`
    await writeFile(join(folder, 'compose.yaml'), file)
    await Promise.all(
      names.map(async (name) => {
        await ok(name, `${C} -p $T-shop up -d; ${C} -p $T-shop exec -T web true; ${C} -p $T-shop ps`)
        expect(await ok(name, `$D ps --format '{{.Names}}'`)).toMatch(
          new RegExp(String.raw`^\S+/${name}-shop-web-1\n$`),
        )
      }),
    )
    const clash = await as('red', `${C} -p blue-shop up -d`)
    expect(clash.code).not.toBe(0)
    expect(clash.stderr).toMatch(/already (?:exists|in use|assigned)/)
    await Promise.all(names.map((name) => ok(name, `${C} -p $T-shop down -v -t 0`)))
    const left = `$D network rm blue-shop_default; $D volume rm blue-shop_data; true`
    await as('red', left)
  }, 180_000)

  it('are moved by what is theirs: no affinity looks at others, and volumes are made for their tenant', async () => {
    const policy = '-e reschedule:on-node-failure --label flotilla.reschedule.volumes=new'
    await ok('red', '$D run -d --name red-lure -e constraint:node==ten2 $I sleep 300')
    const away = '-e constraint:node==~ten1 -e affinity:container!=red-lure'
    await ok('blue', `$D run -d --memory 32m --name blue-move ${away} ${policy} -v blue-moved:/data $I sleep 300`)
    const where = (): Promise<string> => ok('blue', `$D inspect -f '{{.Node.Name}} {{.State.Running}}' blue-move`)
    expect(await where()).toBe('ten1 true\n')
    expect((await cluster.node(1).docker(['volume', 'inspect', 'blue-moved'])).code, 'made there only').not.toBe(0)
    const mark = (how: string): Promise<string> =>
      admin(`curl -s --fail-with-body -X POST --unix-socket ${cluster.socket} http://d/flotilla/nodes/ten1/${how}`)
    await mark('drain')
    await expect.poll(where, { timeout: 60_000 }).toBe('ten2 true\n')
    const owner = ['volume', 'inspect', '-f', '{{index .Labels "com.flotilla.tenant"}}', 'blue-moved']
    expect((await cluster.node(1).docker(owner)).stdout).toBe('blue\n')
    await mark('undrain')
    await ok('blue', '$D rm -f blue-move; $D volume rm blue-moved')
    await ok('red', '$D rm -f red-lure')
  }, 180_000)

  it('clean up after themselves, and after nobody else', async () => {
    for (const name of names) for (const line of evening) await ok(name, line)
    expect(await admin(`$D ps -a --format '{{.Names}}'`)).toMatch(/^\S*boss-web$/)
    expect(await admin('$D volume ls -q')).toBe('boss-vol')
    expect(await admin(`$D network inspect -f '{{.Name}}' boss-net`)).toMatch(/boss-net/)
    expect(await admin('$D images -q flotilla/sample')).not.toBe('')
    for (const host of cluster.lab.hosts)
      expect((await host.docker(['volume', 'ls', '-q'])).stdout).not.toMatch(/blue|red/)
  }, 120_000)
})
