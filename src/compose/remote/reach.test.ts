import { expect, it } from 'vitest'
import { makeDictionary } from '../model/dictionary.ts'
import { loadProject, loadTree } from '../load/load.ts'
import { listReach } from './reach.ts'

function reachOf(text: string): string {
  const sources = {
    files: [{ path: '/t/compose.yaml', text }],
    workingDir: '/t',
    environment: makeDictionary([['TOKEN', 'x']]),
    projectName: 'p',
  }
  const files = {
    readText: () => undefined,
    readLooseText: () => undefined,
    kindOf: () => 'missing' as const,
    resolveLinks: (path: string) => (path === '/t/data' ? '/etc' : path),
  }
  const tree = loadTree(sources, { files, skipInterpolation: true, skipNormalization: true })
  return listReach(loadProject(sources, { files }), tree, files.resolveLinks).join('')
}

it('shows what a project gets of this computer', () => {
  const text = `
services:
  a: { image: x, volumes: ["./data:/d", "/srv:/s"], environment: [TOKEN, B=1], use_api_socket: true }
  b: { provider: { type: tool } }
  c: { image: x, environment: { KEY: null, D: d } }
volumes: { v: { driver_opts: { type: none, o: bind, device: /home } } }
secrets: { s: { environment: PASSWORD } }
`
  expect(reachOf(text)).toBe(`It takes the values of variables:
  KEY
  PASSWORD
  TOKEN
It mounts folders of the host:
  a: /t/data (/etc) on /d
  a: /srv on /s
  volume v: /home
It runs programs of this computer:
  b: tool
It gives the engine and your logins at registries to:
  a
`)
})

it('shows no control characters', () => {
  const text = 'services: { a: { image: x, volumes: [{ type: bind, source: "/x\\e[2K\\n  a: /y", target: /d }] } }'
  expect(reachOf(text)).toBe('It mounts folders of the host:\n  a: /x\uFFFD[2K\uFFFD  a: /y on /d\n')
})

it('says nothing of a project that gets nothing', () => {
  expect(reachOf('services: { a: { image: x } }')).toBe('')
})
