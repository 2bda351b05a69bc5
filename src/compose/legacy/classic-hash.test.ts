import { describe, expect, it } from 'vitest'
import { emptyEngine, project as makeProject, service as makeService } from '../../testing/compose-builders.ts'
import { loadProject } from '../load/load.ts'
import { makeDictionary } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import { divergenceOf } from '../plan/divergence.ts'
import { LABEL } from '../plan/label.ts'
import { describeClassic, hashServiceClassic } from './classic-hash.ts'
import { renderPythonJson } from './python-json.ts'

/** A file of our own, and what docker-compose 1.29.2 takes the hash of for each of its services. */
const file = `version: "3.8"
services:
  web:
    image: busybox
    command: sleep 1000
    environment: { A: "1", B: 2, C: x=y }
    ports: ["8080:80", "127.0.0.1:9000:90/udp", "7000", {target: 5, published: 6, protocol: tcp, mode: host}]
    depends_on: [db]
    volumes: ["data:/data", "./x:/x:ro", "/anon", {type: bind, source: ./y, target: /y, read_only: true}]
    labels: { a: b, n: 3 }
    restart: always
    healthcheck: { test: ["CMD","true"], interval: 1m30s, timeout: 2s, retries: 3 }
    networks: { default: , back: { aliases: [x] } }
    links: ["db:base"]
    ulimits: { nproc: 5, nofile: {soft: 1, hard: 2} }
    stop_grace_period: 1m
    tmpfs: /run
    dns: 8.8.8.8
    extra_hosts: ["a:1.2.3.4"]
    sysctls: { net.core.somaxconn: 1024 }
    logging: { driver: json-file, options: { max-size: 1m } }
    expose: ["80", 90]
    cap_add: [NET_ADMIN]
    user: "0"
    tty: true
    init: true
    shm_size: 64m
    deploy: { resources: { limits: { memory: 50m, cpus: "0.5" } } }
    secrets: [s]
    entrypoint: ["a", "b"]
  db:
    image: busybox
    env_file: x.env
    environment: ["G=é"]
    ports: ["9000-9001:9000-9001", "8000-8010:80", 6000]
    security_opt: ["label=disable"]
    restart: on-failure:3
    networks: [default]
    dns_search: [a.b]
    volumes_from: ["bare:ro"]
  bare:
    build: .
    network_mode: host
networks: { back: }
volumes: { data: }
secrets: { s: { file: ./s } }
`

const recorded = {
  web: String.raw`{"image_id":"sha256:IMG","ipc_mode":null,"links":[["db","base"]],"net":"p_back","networks":{"p_back":{"aliases":["x"]},"p_default":{}},"options":{"cap_add":["NET_ADMIN"],"command":"sleep 1000","cpus":0.5,"depends_on":{"db":{"condition":"service_started"}},"device_requests":null,"dns":["8.8.8.8"],"entrypoint":["a","b"],"environment":{"A":"1","B":2,"C":"x=y"},"expose":["80",90],"extra_hosts":["a:1.2.3.4"],"healthcheck":{"interval":90000000000,"retries":3,"test":["CMD","true"],"timeout":2000000000},"image":"busybox","init":true,"labels":{"a":"b","n":"3"},"logging":{"driver":"json-file","options":{"max-size":"1m"}},"mem_limit":"50m","platform":null,"ports":[[80,8080,null,null,null],[90,9000,"udp",null,"127.0.0.1"],[7000,null,null,null,null],[5,6,"tcp","host",null]],"restart":{"MaximumRetryCount":0,"Name":"always"},"shm_size":"64m","stop_grace_period":"1m","sysctls":{"net.core.somaxconn":"1024"},"tmpfs":["/run"],"tty":true,"ulimits":{"nofile":{"hard":2,"soft":1},"nproc":5},"user":"0","volumes":[["p_data","/data","rw"],["/p/x","/x","ro"],[null,"/anon","rw"],{"read_only":true,"source":"/p/y","target":"/y","type":"bind"}]},"secrets":[{"file":"/p/s","secret":["s",null,null,null,null,null]}],"volumes_from":[]}`,
  db: String.raw`{"image_id":"sha256:IMG","ipc_mode":null,"links":[],"net":"p_default","networks":{"p_default":{}},"options":{"device_requests":null,"dns_search":["a.b"],"environment":{"F":"1","G":"\u00e9"},"image":"busybox","platform":null,"ports":[[9000,9000,null,null,null],[9001,9001,null,null,null],[80,"8000-8010",null,null,null],[6000,null,null,null,null]],"restart":{"MaximumRetryCount":3,"Name":"on-failure"},"security_opt":[["label=disable",null]],"volumes":[]},"secrets":[],"volumes_from":[["bare","ro"]]}`,
  bare: String.raw`{"image_id":"sha256:IMG","ipc_mode":null,"links":[],"net":"host","networks":{},"options":{"build":{"context":"/p"},"device_requests":null,"platform":null,"volumes":[]},"secrets":[],"volumes_from":[]}`,
}

/** Forms of fields that docker-compose 1 brings into one, each in a service of its own, and what it hashes of them. */
const forms = {
  'build: { context: ctx, args: [A=1, B], labels: [a=b, c] }':
    '"build":{"args":{"A":"1","B":""},"context":"/p/ctx","labels":{"a":"b","c":""}}',
  'build: { context: ./ctx, args: { A: 1, C: true }, labels: { a: 1, b: } , cache_from: [x] }':
    '"build":{"args":{"A":"1","C":"True"},"cache_from":["x"],"context":"/p/ctx","labels":{"a":"1","b":null}}',
  'cpus: 1.0': '"cpus":1.0',
  'healthcheck: { test: [NONE], interval: 1.5s, timeout: 1h2m3s4ms }':
    '"healthcheck":{"interval":1500000000,"test":["NONE"],"timeout":3723004000000}',
  'labels: { a: 1, b: true, c: 1.5, d: null, e: 1.0 }': '"labels":{"a":"1","b":"True","c":"1.5","d":null,"e":"1.0"}',
  'volumes: [{ type: tmpfs, target: /t, tmpfs: { size: 1m } }]':
    '"volumes":[{"target":"/t","tmpfs":{"size":1048576},"type":"tmpfs"}]',
  'volumes: [{ type: bind, source: ./b, target: /b, bind: {} }]':
    '"volumes":[{"source":"/p/b","target":"/b","type":"bind"}]',
  'mem_swappiness: "10"': '"mem_swappiness":10',
  'x-foo: 1': '"x-foo":1',
  'deploy: { resources: { limits: { cpus: "1", memory: 50M } } }':
    '"cpus":1.0,"device_requests":null,"image":"busybox","mem_limit":"50M"',
  'deploy: { resources: { limits: { cpus: 1.50 }, reservations: { memory: 20M } } }':
    '"cpus":1.5,"device_requests":null,"image":"busybox","mem_limit":null,"mem_reservation":"20M"',
  'deploy: { restart_policy: { condition: on-failure } }': '"restart":{"MaximumRetryCount":0,"Name":"on-failure"}',
  'deploy: { resources: { reservations: { devices: [{ capabilities: [gpu], count: 1 }] } } }':
    '"device_requests":[{"capabilities":[["gpu"]],"count":1}],"image":"busybox","mem_reservation":null',
  'blkio_config: { device_read_bps: [{ path: /dev/sda, rate: 12mb }], device_write_iops: [{ path: /dev/sda, rate: "30" }] }':
    '"blkio_config":{"device_read_bps":[{"path":"/dev/sda","rate":12582912}],"device_write_iops":[{"path":"/dev/sda","rate":30}]}',
  'credential_spec: { file: s.json }, security_opt: ["label=disable"]':
    '"security_opt":["credentialspec=file://s.json"]',
  'ports: ["[::1]:1:2"]': '"ports":[[2,1,null,null,"::1"]]',
} as const

/** The same of a file of version 1, as docker-compose 1.29.2 takes the hash of it. */
const firstFile = `plain: { image: busybox, command: sleep 1000 }
apart: { image: busybox, net: none, log_driver: json-file, log_opt: { max-size: 1m }, mem_limit: 64m }
full:
  image: busybox
  net: "container:plain"
  volumes: ["data:/n", "/anon", "./d:/d:ro"]
  links: [plain, "plain:alias"]
  volumes_from: ["plain:ro"]
driven: { image: busybox, volume_driver: local, volumes: ["data:/n", "./x:/x", /anon, "~/h:/h:ro"] }
bridged: { image: busybox, net: bridge }
built: { build: ctx, dockerfile: D }
`

const firstRecorded = {
  plain: String.raw`{"image_id":"sha256:IMG","ipc_mode":null,"links":[],"net":null,"networks":{},"options":{"command":"sleep 1000","device_requests":null,"image":"busybox","platform":null},"secrets":[],"volumes_from":[]}`,
  apart: String.raw`{"image_id":"sha256:IMG","ipc_mode":null,"links":[],"net":"none","networks":{},"options":{"device_requests":null,"image":"busybox","logging":{"driver":"json-file","options":{"max-size":"1m"}},"mem_limit":"64m","platform":null},"secrets":[],"volumes_from":[]}`,
  full: String.raw`{"image_id":"sha256:IMG","ipc_mode":null,"links":[["plain",null],["plain","alias"]],"net":"plain","networks":{},"options":{"device_requests":null,"image":"busybox","platform":null,"volumes":[["data","/n","rw"],[null,"/anon","rw"],["/p/d","/d","ro"]]},"secrets":[],"volumes_from":[["plain","ro"]]}`,
  driven: String.raw`{"image_id":"sha256:IMG","ipc_mode":null,"links":[],"net":null,"networks":{},"options":{"device_requests":null,"image":"busybox","platform":null,"volume_driver":"local","volumes":[["data","/n","rw"],["x","/x","rw"],[null,"/anon","rw"],["~/h","/h","ro"]]},"secrets":[],"volumes_from":[]}`,
  bridged: String.raw`{"image_id":"sha256:IMG","ipc_mode":null,"links":[],"net":"bridge","networks":{},"options":{"device_requests":null,"image":"busybox","platform":null},"secrets":[],"volumes_from":[]}`,
  built: String.raw`{"image_id":"sha256:IMG","ipc_mode":null,"links":[],"net":null,"networks":{},"options":{"build":{"context":"/p/ctx","dockerfile":"D"},"device_requests":null,"platform":null},"secrets":[],"volumes_from":[]}`,
}

/** What docker-compose 1.29.2 takes the hash of for services of two files. */
const mergedRecorded = {
  web: String.raw`{"image_id":"sha256:IMG","ipc_mode":null,"links":[["db",null],["db","y"]],"net":"p_back","networks":{"p_back":{},"p_default":{"aliases":["a","z"]}},"options":{"build":{"args":{"Y":"2","Z":"1"},"context":"/p","dockerfile":"D"},"cap_add":["ALL","CHOWN","NET_ADMIN"],"command":"base","depends_on":{"db":{"condition":"service_started"},"one":{"condition":"service_healthy"}},"device_requests":null,"dns":["1.1.1.1","2.2.2.2"],"environment":{"A":5,"Q":"1","V":null},"expose":["1"],"extra_hosts":{"h":"1.2.3.4"},"healthcheck":{"interval":5000000000,"retries":2,"test":"true"},"image":"busybox","labels":{"n":"2","x":"y"},"logging":{"driver":"syslog","options":{"a":"b","c":"d"}},"platform":null,"ports":[[1,1,null,null,null],[2,2,null,null,null],[80,"3000-3001",null,null,null]],"tmpfs":["/t"],"volumes":[["p_other","/d","ro"],["/p/new","/n","rw"],["/q","/q","rw"],[null,"/r","rw"]]},"secrets":[],"volumes_from":[]}`,
  db: String.raw`{"image_id":"sha256:IMG","ipc_mode":null,"links":[],"net":"p_default","networks":{"p_default":{}},"options":{"device_requests":null,"expose":["80","90"],"image":"busybox","platform":null,"volumes":[]},"secrets":[],"volumes_from":[]}`,
}

/** A file that another one extends, in a folder of its own. */
const baseFile = `services:
  tmpl: { image: busybox, volumes: ["./rel:/rel", "../up:/up:ro", "data:/d", /anon, { type: bind, source: ./b, target: /b }],
    labels: { a: 1 }, build: ./ctx, ports: ["90:90"] }
  child: { extends: { service: tmpl }, build: { context: ., dockerfile: D }, volumes: ["./own:/own"] }
`

/** What docker-compose 1.29.2 takes the hash of for a service that extends it. */
const extendedRecorded =
  '{"image_id":"sha256:IMG","ipc_mode":null,"links":[],"net":"p_default","networks":{"p_default":{}},"options":{"build":{"context":"/p/base","dockerfile":"D"},"command":"x","device_requests":null,"image":"busybox","labels":{"a":"1"},"platform":null,"ports":[[80,80,null,null,null],[90,90,null,null,null]],"volumes":[[null,"/anon","rw"],{"source":"/p/base/b","target":"/b","type":"bind"},["p_data","/d","rw"],["/p/base/own","/own","rw"],["/p/base/rel","/rel","rw"],["/p/up","/up","ro"]]},"secrets":[],"volumes_from":[]}'

function load(...texts: readonly string[]): Project {
  const files: Readonly<Record<string, string>> = { '/p/x.env': 'F=1', '/p/base/b.yml': baseFile }
  return loadProject(
    {
      files: texts.map((text, index) => ({ path: `/p/${index}.yml`, text })),
      workingDir: '/p',
      environment: makeDictionary(),
      projectName: 'p',
    },
    {
      keepWritten: true,
      files: {
        readText: (path) => files[path],
        kindOf: (path) => (files[path] === undefined ? 'missing' : 'file'),
        resolveLinks: (path) => path,
      },
    },
  )
}

describe('the hash of docker-compose 1.29', () => {
  it.each(Object.entries(recorded))('of service %s is taken of the same text', (name, text) => {
    const project = load(file)
    const service = project.services[name]!
    const described = describeClassic(project, service, project.written![name]!, 'sha256:IMG')
    expect(JSON.parse(described)).toEqual(JSON.parse(text))
    expect(described).toBe(text)
  })

  it.each(Object.entries(forms))('of %s is taken of the same text', (fields, text) => {
    const project = load(`version: "2.4"\nservices: { web: { image: busybox, ${fields} } }\n`)
    const described = describeClassic(project, project.services['web']!, project.written!['web']!, 'sha256:IMG')
    expect(described).toContain(text)
    const bare = load('services: { web: { image: busybox } }')
    const rest = describeClassic(bare, bare.services['web']!, bare.written!['web']!, 'sha256:IMG')
    expect(described.length).toBeGreaterThan(rest.length)
  })

  it.each(Object.entries(firstRecorded))('of service %s of version 1 is taken of the same text', (name, text) => {
    const project = load(firstFile)
    expect(describeClassic(project, project.services[name]!, project.written![name]!, 'sha256:IMG')).toBe(text)
  })

  it('of a service of two files is taken of what both say', () => {
    const base = `version: "2.4"
services:
  web: { image: busybox, command: base, volumes: ["data:/d", "/q:/q", /r], ports: ["2:2", "1:1"], expose: [1],
    labels: [x=y], environment: [A=0, Q=1], depends_on: [db], links: ["db:y"], dns: 1.1.1.1, tmpfs: [/t],
    logging: { driver: syslog, options: { a: b } }, networks: [default], build: { context: ., args: { Z: 1 } },
    healthcheck: { test: "true", interval: 5s }, cap_add: [NET_ADMIN, CHOWN], x-note: 1 }
  db: { image: busybox, expose: [90, 80] }
volumes: { data: }
`
    const override = `version: "2.4"
services:
  web: { volumes: ["other:/d:ro", "./new:/n"], ports: ["1:1", "3000-3001:80"], environment: { A: 5, V: }, labels: { n: 2 },
    depends_on: { one: { condition: service_healthy } }, links: [db], dns: [2.2.2.2], logging: { options: { c: d } },
    networks: { default: { aliases: [z, a] }, back: }, build: { dockerfile: D, args: [Y=2] }, healthcheck: { retries: 2 },
    cap_add: [CHOWN, ALL], extra_hosts: ["h:1.2.3.4"] }
  one: { image: busybox }
volumes: { other: }
networks: { back: }
`
    const project = load(base, override)
    const told = (name: string): string =>
      describeClassic(project, project.services[name]!, project.written![name]!, 'sha256:IMG')
    expect(told('web')).toBe(mergedRecorded.web)
    expect(told('db')).toBe(mergedRecorded.db)
  })

  it('of a service that extends one of another file is taken of both, with the paths of that file', () => {
    const text = `services:
  web: { extends: { file: base/b.yml, service: child }, command: x, ports: ["80:80"] }
  other: { image: busybox }
volumes: { data: }`
    const project = load(text)
    const told = (name: string): string =>
      describeClassic(project, project.services[name]!, project.written![name]!, 'sha256:IMG')
    expect(told('web')).toBe(extendedRecorded)
    expect(told('other')).toContain('"options":{"device_requests":null,"image":"busybox","platform":null,"volumes":[]}')
  })

  it('of a service that shares the IPC namespace of another one is taken of its container', () => {
    const project = load('services: { web: { image: x, ipc: "service:db" }, db: { image: x } }')
    const ids = makeDictionary([['db', '123']])
    const told = describeClassic(project, project.services['web']!, project.written!['web']!, 'sha256:IMG', ids)
    expect(told).toContain('"ipc_mode":"container:123"')
    expect(hashServiceClassic(project, project.services['web']!, 'sha256:1')).toEqual([])
  })

  it('of a service that extends one of several files is taken of the first one alone', () => {
    const text = 'services: { web: { extends: { service: base } }, base: { image: b } }'
    const project = load(text, 'services: { base: { tty: true }, web: { init: true } }')
    const told = describeClassic(project, project.services['web']!, project.written!['web']!, 'sha256:IMG')
    expect(told).toContain('"options":{"device_requests":null,"image":"b","init":true,"platform":null,"volumes":[]}')
  })

  it('of a service that extends one of its file is taken of both', () => {
    const text = 'services: { web: { extends: { service: base }, command: x }, base: { image: b, environment: [A=1] } }'
    const project = load(text)
    expect(describeClassic(project, project.services['web']!, project.written!['web']!, 'sha256:IMG')).toContain(
      '"options":{"command":"x","device_requests":null,"environment":{"A":"1"},"image":"b","platform":null,"volumes":[]}',
    )
  })

  it('cannot be told for what docker-compose 1 writes in a way not known here', () => {
    const hash = (extra: string): readonly string[] => {
      const project = load(`services: { web: { image: x, ${extra} } }\nconfigs: { c: { file: ./c } }`)
      return hashServiceClassic(project, project.services['web']!, 'sha256:1')
    }
    expect(hash('tty: true')).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)])
    // `cpus: "2"` is written as 2.0 there.
    expect(hash('cpus: 2')).toHaveLength(2)
    expect(hash('cpu_shares: 512')).toHaveLength(2)
    expect(hash('cpus: 2, cpu_shares: 512')).toHaveLength(4)
    // Of no effect there.
    expect(hash('tty: true, configs: [c]')).toEqual(hash('tty: true'))
    expect(hash('credential_spec: { config: c }')).toEqual([])
    const untold = ['gpus: all', 'network_mode: "container:x"', 'healthcheck: { interval: 1d }']
    for (const extra of untold) expect([extra, hash(extra)]).toEqual([extra, []])
    const bare = makeProject([makeService('web')])
    expect(hashServiceClassic(bare, bare.services['web']!, 'sha256:1')).toEqual([])
  })

  it('passes over what has no effect on one engine', () => {
    const told = (extra: string): string => {
      const project = load(`services: { web: { image: busybox${extra} } }`)
      return describeClassic(project, project.services['web']!, project.written!['web']!, 'sha256:IMG')
    }
    const fields = ['mode: global', 'labels: { a: b }', 'placement: { constraints: [a==b] }', 'endpoint_mode: vip']
    for (const field of fields) expect(told(`, deploy: { ${field} }`)).toBe(told(''))
  })

  it('keeps a container that carries it, unless asked otherwise', () => {
    const project = load('services: { web: { image: busybox, network_mode: host } }')
    const service = project.services['web']!
    const observed = emptyEngine()
    const hash = hashServiceClassic(project, service, observed.images['busybox']!.id)[0]!
    const container = {
      id: '1',
      name: 'p_web_1',
      service: 'web',
      number: 1,
      isOneOff: false,
      state: 'running' as const,
      status: 'Up',
      image: 'busybox',
      imageId: '',
      command: '',
      createdAtMs: 0,
      networks: {},
      mounts: [],
      ports: [],
      labels: { [LABEL.version]: '1.29.2', [LABEL.configHash]: hash },
    }
    const wanted = { project, service, observed, ids: makeDictionary<string>() }
    expect(divergenceOf(container, wanted)).toBeUndefined()
    expect(divergenceOf(container, { ...wanted, replacesClassic: true })).toBe('configuration changed')
    const changed = load('services: { web: { image: busybox, network_mode: host, tty: true } }')
    const other = { ...wanted, project: changed, service: changed.services['web']! }
    expect(divergenceOf(container, other)).toBe('configuration changed')
  })
})

describe('JSON of Python', () => {
  it('is ASCII, with keys by code point', () => {
    const value = { ü: 1, a: [null, true, 0.5, '\u007f"😀'], '\uffff': 2, '😀': 3 }
    const text = String.raw`{"a":[null,true,0.5,"\u007f\"\ud83d\ude00"],"\u00fc":1,"\uffff":2,"\ud83d\ude00":3}`
    expect(renderPythonJson(value)).toBe(text)
  })
})
