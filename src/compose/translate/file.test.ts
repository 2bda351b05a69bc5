import { describe, expect, it } from 'vitest'
import { dictionary, project, service } from '../../testing/compose-builders.ts'
import { materialKey } from '../model/material.ts'
import type { Material, Materials } from '../model/material.ts'
import type { FileReference } from '../model/mount.ts'
import type { FileObject } from '../model/resource.ts'
import type { Service } from '../model/service.ts'
import { deliverFiles } from './file.ts'
import type { FileDelivery } from './file.ts'

const content = Buffer.from('s3cret')

interface Case {
  readonly object: Partial<FileObject>
  readonly use?: Partial<FileReference>
  readonly kind?: 'secret' | 'config'
  readonly isRemote?: boolean
  readonly extra?: Partial<Service>
  readonly material?: Material
}

function deliver({ object, use, kind = 'secret', isRemote = false, extra, material }: Case): FileDelivery {
  const uses = [{ source: 'it', ...use }]
  const web = service('web', { [`${kind}s`]: uses, ...extra })
  const objects = dictionary({ it: { name: 'p_it', ...object } })
  const known = material ?? { content, fingerprint: 'fp' }
  const materials: Materials = { isRemote, entries: new Map([[materialKey(kind, 'it'), known]]) }
  return deliverFiles(project([web], { [`${kind}s`]: objects }), web, materials)
}

const copy = { kind: 'secret', name: 'it', target: '/run/secrets/it', uid: 0, gid: 0, mode: 0o444 } as const
const mount = { Type: 'bind', Source: '/f', Target: '/run/secrets/it', ReadOnly: true } as const

describe('configs and secrets', () => {
  const cases: readonly [string, Case, Partial<FileDelivery>][] = [
    ['a file beside the engine is mounted', { object: { file: '/f' } }, { mounts: [mount], copies: [] }],
    [
      'a file of another computer is copied',
      { object: { file: '/f' }, isRemote: true },
      { mounts: [], copies: [copy] },
    ],
    [
      'a file with an owner and a mode is copied',
      { object: { file: '/f' }, use: { uid: '103', gid: '104', mode: 0o400 } },
      { mounts: [], copies: [{ ...copy, uid: 103, gid: 104, mode: 0o400 }] },
    ],
    ['a variable is copied', { object: { environment: 'X' } }, { copies: [copy] }],
    [
      'a content is copied, relative targets start at the root',
      { object: { content: 'x' }, kind: 'config', use: { target: 'etc/app.conf' } },
      { copies: [{ ...copy, kind: 'config', target: '/etc/app.conf' }] },
    ],
    [
      'a config of a swarm that was read is copied',
      { object: { external: true }, kind: 'config' },
      { copies: [{ ...copy, kind: 'config', target: '/it' }], fingerprints: 'config:it=fp' },
    ],
    [
      'a relative target of a secret starts at /run/secrets',
      { object: { environment: 'X' }, use: { target: 'sub/key' } },
      { copies: [{ ...copy, target: '/run/secrets/sub/key' }] },
    ],
    [
      'an owner is left out where the root is read-only',
      { object: { file: '/f' }, use: { uid: '1' }, extra: { read_only: true } },
      { mounts: [mount], warnings: ['secrets `uid`, `gid` and `mode` are not supported, they will be ignored'] },
    ],
    [
      'an owner is left out below a tmpfs, which would cover a copy',
      { object: { file: '/f' }, use: { mode: 0o400 }, extra: { tmpfs: ['/run:size=1m'] } },
      { mounts: [mount], warnings: ['secrets `uid`, `gid` and `mode` are not supported, they will be ignored'] },
    ],
    [
      'what can only be copied is copied below a tmpfs, too, with a warning',
      { object: { environment: 'X' }, extra: { volumes: [{ type: 'tmpfs', target: '/run/secrets/' }] } },
      {
        copies: [copy],
        warnings: [
          'secret "p_it" of service "web" is written before the start, and not to be seen below its tmpfs "/run/secrets/"',
        ],
      },
    ],
    [
      'a tmpfs beside it covers nothing',
      { object: { environment: 'X' }, extra: { tmpfs: ['/run/secret', '/run/secrets/it2'] } },
      { copies: [copy], warnings: [] },
    ],
    [
      'a file that is not there is a warning; the engine has the last word',
      { object: { file: '/f' }, material: {} },
      { mounts: [mount], warnings: ['secret file p_it does not exist'], fingerprints: '' },
    ],
  ]
  it.each(cases)('%s', (_, given, expected) => {
    expect(deliver(given)).toMatchObject(expected)
  })

  const refusals: readonly [string, Case, string][] = [
    ['a driver', { object: { driver: 'vault' } }, 'Docker Compose does not support secrets.*.driver'],
    [
      'a template',
      { object: { content: 'x', template_driver: 'golang' }, kind: 'config' },
      'Docker Compose does not support configs.*.template_driver',
    ],
    ['an external secret', { object: { external: true }, material: {} }, 'unsupported external secret p_it'],
    [
      'an external config without a swarm',
      { object: { external: true }, kind: 'config', material: {} },
      'unsupported external config p_it',
    ],
    [
      'a copy into a read-only root',
      { object: { environment: 'X' }, extra: { read_only: true } },
      'cannot create secret "p_it" in read-only service web: `file` is the sole supported option',
    ],
    [
      'a file to be copied that is not there',
      { object: { file: '/f' }, isRemote: true, material: {} },
      'secret "it": open /f: no such file',
    ],
    [
      'an owner by name',
      { object: { content: 'x' }, use: { uid: 'root' } },
      'services.web.secrets.uid: "root" is not a number',
    ],
  ]
  it.each(refusals)('%s is refused by name', (_, given, message) => {
    expect(() => deliver(given)).toThrow(message)
  })
})
