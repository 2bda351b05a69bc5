import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { dockerClis, eventually, startCluster } from './swarm-cluster.ts'
import type { TestCluster } from './swarm-cluster.ts'

/** The real docker CLI against the endpoint over engines 20.10 and 28.5 behaves as against one engine. */
let cluster: TestCluster
beforeAll(async () => {
  cluster = await startCluster({ engines: ['20.10', '28.5', '20.10'], labels: (index) => [`zone=z${index + 1}`] })
})
afterAll(async () => {
  await cluster?.down()
})
afterEach(async () => {
  await cluster.shell(
    '/usr/bin/docker',
    '$D ps -aq | xargs -r $D rm -fv; $D volume ls -q | xargs -r $D volume rm; true',
  )
})

async function ok(cli: string, line: string): Promise<string> {
  const result = await cluster.shell(cli, line)
  expect(result.code, `${line}\n${result.stdout}${result.stderr}`).toBe(0)
  return result.stdout
}

describe.each(dockerClis)('$name', ({ path: cli }) => {
  it('spreads containers over the nodes and lists them with their node, newest first', async () => {
    await ok(cli, 'for i in 1 2 3; do $D run -d --name web$i -p 8080:80 $I; done')
    const names = (await ok(cli, "$D ps --format '{{.Names}}'")).trim().split('\n')
    expect(names.map((name) => name.split('/')[1])).toEqual(['web3', 'web2', 'web1'])
    expect(names.map((name) => name.split('/')[0] ?? '').sort((a, b) => a.localeCompare(b))).toEqual([
      'node1',
      'node2',
      'node3',
    ])
    const fourth = await cluster.shell(cli, '$D run -d --name web4 -p 8080:80 $I')
    expect(fourth.code).toBe(125)
    expect(fourth.stderr).toContain(
      'Unable to find a node that satisfies the following conditions \n[port 8080 (Bridge mode)]',
    )
    const port = (await ok(cli, '$D port web1 80')).trim()
    expect(port).toMatch(/^10\.\d+\.\d+\.\d+:8080$/)
    expect(await ok(cli, `curl -s -o /dev/null -w '%{http_code}' http://${port}/`)).toMatch(/^[1-5]\d\d$/)
  })

  it('obeys constraints and says so in inspect', async () => {
    await ok(cli, '$D run -d --name cc -e constraint:zone==z2 $I')
    expect(await ok(cli, "$D inspect cc --format '{{.Node.Name}} {{.Name}}'")).toBe('node2 /cc\n')
    expect(await ok(cli, "$D inspect cc --format '{{json .Config.Env}}'")).not.toContain('constraint')
    const refused = await cluster.shell(cli, '$D run -e constraint:zone==nowhere $I true')
    expect(refused.stderr).toContain('[zone==nowhere]')
  })

  it('run: output, errors and exit codes arrive', async () => {
    const result = await cluster.shell(cli, "$D run --name rr $I sh -c 'echo out; echo err >&2; exit 3'")
    expect(result).toMatchObject({ code: 3, stdout: 'out\n', stderr: 'err\n' })
    expect(await ok(cli, '$D logs rr 2>/dev/null')).toBe('out\n')
    expect(await ok(cli, '$D wait rr')).toBe('3\n')
    expect(await ok(cli, "$D ps -a --filter name=rr --format '{{.Status}}'")).toMatch(/^Exited \(3\) /)
  })

  it('run -i: the end of the input ends the program, and everything it wrote comes back', async () => {
    const data = randomBytes(1024 * 1024)
    await writeFile(join(cluster.folder, 'in'), data)
    const line = `$D run -i --rm $I cat < ${cluster.folder}/in > ${cluster.folder}/out`
    await ok(cli, line)
    expect((await readFile(join(cluster.folder, 'out'))).equals(data)).toBe(true)
  })

  it('run -it: a terminal, resized, with its exit code', async () => {
    const result = await cluster.shell(
      cli,
      `script -qec "$D run --rm -it $I sh -c 'test -t 0 && echo is-a-tty; exit 5'" /dev/null`,
    )
    expect(result.stdout).toContain('is-a-tty')
    expect(result.code).toBe(5)
  })

  it('exec: plain, with input, with a terminal, detached, and with the exit code', async () => {
    await ok(cli, '$D run -d --name ee $I')
    expect(await ok(cli, '$D exec ee echo hello')).toBe('hello\n')
    expect(await ok(cli, 'printf abc | $D exec -i ee sh -c "cat; echo done"')).toBe('abcdone\n')
    expect((await cluster.shell(cli, '$D exec ee sh -c "exit 7"')).code).toBe(7)
    const tty = await cluster.shell(cli, `script -qec "$D exec -it ee sh -c 'test -t 1 && echo tty'" /dev/null`)
    expect(tty.stdout).toContain('tty')
    await ok(cli, '$D exec -d ee touch /made')
    await eventually(
      async () => (await cluster.shell(cli, '$D exec ee test -e /made')).code === 0,
      10_000,
      'the detached exec',
    )
  })

  it('exec -it is a terminal one can talk to', async () => {
    await ok(cli, '$D run -d --name talk $I')
    const dialogue = [
      'set timeout 20',
      `spawn ${cli} exec -it talk sh`,
      'expect "# "',
      'send "echo sum $((20+22))\\r"',
      'expect "sum 42"',
      'send "exit 9\\r"',
      'expect eof',
      'lassign [wait] pid id os code',
      'exit $code',
    ].join('\n')
    await writeFile(join(cluster.folder, 'talk.exp'), dialogue.replaceAll('$((', '\\$(('))
    const result = await cluster.shell(cli, `expect ${cluster.folder}/talk.exp`)
    expect(result.stdout).toContain('sum 42')
    expect(result.code).toBe(9)
  })

  it('attach: input half-closed, the rest of the output still arrives', async () => {
    await ok(cli, "$D create -i --name aa $I sh -c 'wc -c; sleep 1; echo tail' && $D start aa")
    const result = await cluster.docker(cli, ['attach', 'aa'], '12345')
    expect(result).toMatchObject({ code: 0, stdout: expect.stringMatching(/5\s*\ntail\n$/) })
  })

  it('logs -f follows until the container ends', async () => {
    await ok(cli, "$D run -d --name ll $I sh -c 'for i in 1 2 3; do echo line $i; sleep 0.3; done'")
    expect(await ok(cli, '$D logs -f ll')).toBe('line 1\nline 2\nline 3\n')
  })

  it('a client that stops following leaves no stream behind', async () => {
    await ok(cli, '$D run -d --name quiet $I')
    await cluster.shell(
      cli,
      'timeout -s INT 1 $D logs -f quiet; timeout -s KILL 1 $D events; timeout -s KILL 1 $D stats quiet; true',
    )
    const sockets = async (): Promise<number> =>
      Number((await cluster.shell(cli, `ss -xH state connected src ${cluster.socket} | wc -l`)).stdout)
    await eventually(async () => (await sockets()) === 0, 15_000, 'the end of the connections')
  })

  it('cp copies both ways, and over a pipe', async () => {
    await ok(cli, '$D run -d --name ff $I')
    const data = randomBytes(300_000)
    await writeFile(join(cluster.folder, 'there'), data)
    await ok(cli, `$D cp ${cluster.folder}/there ff:/tmp/x && $D cp ff:/tmp/x ${cluster.folder}/back`)
    expect((await readFile(join(cluster.folder, 'back'))).equals(data)).toBe(true)
    expect(await ok(cli, '$D cp ff:/tmp/x - | tar -tf -')).toBe('x\n')
    const missing = await cluster.shell(cli, `$D cp ff:/nowhere ${cluster.folder}/none`)
    expect(missing.code).not.toBe(0)
  })

  it('stop, start, restart, pause, unpause, kill, rename and rm show in the very next list', async () => {
    const status = (name: string): string => `$D ps -a --filter name=${name} --format '{{.Status}}'`
    await ok(cli, '$D run -d --name ss $I')
    expect(await ok(cli, `$D stop -t 0 ss && ${status('ss')}`)).toContain('Exited')
    expect(await ok(cli, `$D start ss && ${status('ss')}`)).toMatch(/\nUp /)
    expect(await ok(cli, `$D pause ss && ${status('ss')}`)).toContain('(Paused)')
    expect(await ok(cli, `$D unpause ss && ${status('ss')}`)).not.toContain('Paused')
    expect(await ok(cli, `$D restart -t 0 ss && ${status('ss')}`)).toContain('Up ')
    expect(await ok(cli, `$D kill ss && $D wait ss && ${status('ss')}`)).toContain('Exited (137)')
    expect(await ok(cli, "$D rename ss tt && $D ps -a --format '{{.Names}}'")).toMatch(/^node\d\/tt\n$/)
    expect(await ok(cli, "$D rm tt && $D ps -a --format '{{.Names}}'")).toBe('tt\n')
  })

  it('top, stats, diff, port and export answer', async () => {
    await ok(cli, '$D run -d --name oo $I')
    expect(await ok(cli, '$D top oo')).toContain('PID')
    expect(await ok(cli, "$D stats --no-stream --format '{{.Name}}'")).toContain('oo')
    await ok(cli, '$D exec oo touch /new')
    expect(await ok(cli, '$D diff oo')).toContain('A /new')
    expect(await ok(cli, '$D export oo | tar -tf - | grep -c .')).toMatch(/^\d+\n$/)
  })

  it('images: list, inspect, history, tag, save, remove and load reach all nodes', async () => {
    expect(await ok(cli, "$D images --format '{{.Repository}}:{{.Tag}}'")).toBe('flotilla/sample:latest\n')
    await ok(cli, `$D tag $I copy:1 && $D save copy:1 -o ${cluster.folder}/image.tar && $D rmi copy:1`)
    expect((await cluster.shell(cli, '$D inspect --type image copy:1')).code).not.toBe(0)
    expect(await ok(cli, `$D load -i ${cluster.folder}/image.tar`)).toContain('Loaded image: copy:1')
    for (const host of cluster.lab.hosts) {
      expect((await host.docker(['image', 'inspect', 'copy:1', '--format', 'here'])).stdout).toBe('here\n')
    }
    expect(await ok(cli, '$D history copy:1')).toContain('IMAGE')
    await ok(cli, '$D rmi copy:1')
  })

  it('an image that one node has comes to the node of the container, and no registry is asked', async () => {
    const host = cluster.node(2)
    await host.docker(['tag', 'flotilla/sample:latest', 'only/there:1'])
    await eventually(async () => (await ok(cli, '$D images -q only/there')) !== '', 10_000, 'the new tag')
    await ok(cli, '$D run -d --name lone only/there:1')
    expect(await ok(cli, "$D inspect lone --format '{{.Node.Name}} {{.Config.Image}}'")).toBe('node1 only/there:1\n')
    expect((await cluster.node(0).docker(['image', 'inspect', 'only/there:1'])).code).toBe(0)
    await ok(cli, '$D rm -f lone && $D rmi only/there:1')
    expect(await ok(cli, '$D images -q only/there')).toBe('')
  })

  it('networks: created on a node, containers that use one go there, removed', async () => {
    await ok(cli, '$D network create shop')
    expect(await ok(cli, "$D network ls --filter name=shop --format '{{.Name}}'")).toBe('shop\n')
    expect((await cluster.shell(cli, '$D network create shop')).stderr).toContain(
      'network with name shop already exists',
    )
    await ok(cli, '$D run -d --name n1 --network shop $I')
    const node = (await ok(cli, "$D inspect n1 --format '{{.Node.Name}}'")).trim()
    await ok(cli, `$D run -d --name n2 --network ${node}/shop $I`)
    expect(await ok(cli, "$D inspect n1 n2 --format '{{.Node.Name}}'")).toBe(`${node}\n${node}\n`)
    expect(await ok(cli, `$D network ls --filter name=${node}/shop --format '{{.Name}}'`)).toBe('shop\n')
    expect(await ok(cli, `$D ps --filter network=${node}/shop --format '{{.Names}}'`)).toBe(`${node}/n2\n${node}/n1\n`)
    expect(await ok(cli, "$D network inspect shop --format '{{len .Containers}}'")).toBe('2\n')
    await ok(cli, '$D network disconnect shop n2 && $D network connect shop n2 && $D rm -f n1 n2 && $D network rm shop')
    expect(await ok(cli, '$D network ls -q --filter name=shop')).toBe('')
    expect(await ok(cli, "$D network ls --filter name=bridge --format '{{.Name}}'")).toBe(
      'node1/bridge\nnode2/bridge\nnode3/bridge\n',
    )
    expect((await cluster.shell(cli, '$D network inspect bridge')).stderr).toMatch(
      /network bridge not found|No such network: bridge/,
    )
  })

  it('volumes: on every node or on one, removed everywhere', async () => {
    await ok(cli, '$D volume create data && $D volume create node2/solo')
    const names = "$D volume ls --format '{{.Name}}'"
    expect(await ok(cli, names)).toBe('data\nsolo\n')
    expect(await ok(cli, "$D volume inspect data node2/solo solo --format '{{.Name}} {{.Driver}}'")).toBe(
      'data local\nsolo local\nsolo local\n',
    )
    await ok(cli, '$D run -d --name user -v node3/data:/data $I')
    expect(await ok(cli, "$D inspect user --format '{{.Node.Name}}'")).toBe('node3\n')
    expect(await ok(cli, '$D volume ls -q --filter dangling=false')).toBe('data\n')
    expect(await ok(cli, "$D system df -v --format '{{json .Volumes}}'")).toContain('"Name":"data"')
    await ok(cli, '$D rm -f user && $D volume create --label of=3 node3/solo')
    expect(await ok(cli, names)).toBe('data\nnode2/solo\nnode3/solo\n')
    expect(await ok(cli, '$D volume ls -q --filter label=of=3')).toBe('node3/solo\n')
    expect(await ok(cli, '$D volume ls -q --filter node=node2')).toBe('data\nnode2/solo\n')
    expect((await cluster.shell(cli, '$D volume inspect solo')).stderr).toMatch(/no such volume/i)
    await ok(cli, '$D volume rm data && $D volume rm node2/solo && $D volume rm solo')
    expect(await ok(cli, names)).toBe('')
    await ok(cli, '$D volume create data')
    expect(await ok(cli, '$D volume prune -f')).toMatch(/^Deleted Volumes:\ndata\n\nTotal/)
    const left = await Promise.all(cluster.lab.hosts.map((host) => host.docker(['volume', 'ls', '-q'])))
    expect(left.map(({ stdout }) => stdout)).toEqual(['', '', ''])
  })

  it('events of all nodes come as one stream, live and from the past', async () => {
    const since = Math.floor(Date.now() / 1000)
    const told = join(cluster.folder, 'told')
    const format = `--format '{{.Actor.Attributes.name}} {{index .Actor.Attributes "node.name"}}'`
    // Half a second longer than the three take: whatever came twice would be there.
    const line = `: >${told}; $D events --filter type=container --filter event=start ${format} >${told} &
      for _ in {1..500}; do [ $(grep -c ^ev ${told}) -lt 3 ] || break; sleep 0.1; done; sleep 0.5; kill $!; grep ^ev ${told}`
    const live = cluster.shell(cli, line)
    // Others that start show that the stream is open.
    const isOpen = `for _ in {1..300}; do [ ! -s ${told} ] || break; $D run --rm --name other $I true; done; test -s ${told}`
    await ok(cli, isOpen)
    await ok(cli, 'for i in 1 2 3; do $D run -d --label ev=1 --name ev$i $I; done')
    const lines = (await live).stdout.trim().split('\n').sort()
    expect(lines.map((text) => text.split(' ')[0])).toEqual(['ev1', 'ev2', 'ev3'])
    expect(new Set(lines.map((text) => text.split(' ')[1]))).toEqual(new Set(['node1', 'node2', 'node3']))
    const past = await ok(
      cli,
      `$D events --since ${since} --until $(($(date +%s) + 1)) --filter event=start --filter label=ev=1 --format '{{.Actor.Attributes.name}}'`,
    )
    expect(past.trim().split('\n').sort()).toEqual(['ev1', 'ev2', 'ev3'])
  })

  it('commit makes an image on the node of the container, and the next list shows it', async () => {
    await ok(cli, "$D run --name base -e constraint:node==node2 $I sh -c 'echo kept > /note'")
    await ok(cli, "$D commit -c 'LABEL made=here' base saved:1")
    expect(await ok(cli, "$D images saved --format '{{.Tag}}'")).toBe('1\n')
    expect(await ok(cli, '$D run --rm saved:1 cat /note')).toBe('kept\n')
    expect(await ok(cli, "$D inspect saved:1 --format '{{.Config.Labels.made}}'")).toBe('here\n')
    await ok(cli, '$D rm -f base && $D rmi saved:1')
    expect((await cluster.shell(cli, '$D commit nosuch x')).stderr).toContain('No such container')
  })

  it('ps -s shows sizes', async () => {
    await ok(cli, "$D run --name wrote $I sh -c 'echo 0123456789ab > /note'")
    expect(await ok(cli, "$D ps -as --format '{{.Size}}'")).toMatch(/^13B \(virtual \S+MB\)\n$/)
  })

  it('info, version and df describe the cluster', async () => {
    const info = await ok(cli, '$D info 2>/dev/null')
    expect(info).toMatch(/Role: primary\n\s+Strategy: spread\n\s+Filters: health, port, containerslots/)
    expect(info).toMatch(/Nodes: 3\n\s+node1: 10\..*\n\s+└ ID: /)
    expect(info).toContain('└ Status: Healthy')
    expect(await ok(cli, "$D version --format '{{.Server.APIVersion}}'")).toBe('1.41\n')
    expect(await ok(cli, '$D system df')).toContain('Local Volumes')
  })

  it('errors are an engine’s: status, words, exit code', async () => {
    const missing = await cluster.shell(cli, '$D rm nosuch')
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('nosuch') })
    expect((await cluster.shell(cli, '$D service ls')).stderr).toContain('This node is not a swarm manager.')
    await ok(cli, '$D run -d --name busy $I')
    const running = await cluster.shell(cli, '$D rm busy')
    expect(running.stderr).toMatch(/running/)
    const taken = await cluster.shell(cli, '$D run -d --name busy $I')
    expect(taken.stderr).toContain('Conflict: The name busy is already assigned.')
  })
})
