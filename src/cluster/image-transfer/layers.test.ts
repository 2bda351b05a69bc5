import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countShared, findChainId, listChainIds } from './layers.ts'

const base = 'sha256:7477e883859ad223b13e87905fb051aa7d1f4dc28db5c75c5f4dd00bee37320f'
const top = 'sha256:69649f61bc640f643f0b9fe0ca8c6d8e8f44f091b4358d751033d16726d72de7'

/** As an engine 20.10 wrote it for the lower layer of an image. */
const baseFolder = '5618d9d32dadc37436060dac773193d75ff0c909eafdd5b8098ef7f7cd8133b1'
const baseJson = `{"id":"${baseFolder}","created":"1970-01-01T00:00:00Z","container_config":{"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":null,"Cmd":null,"Image":"","Volumes":null,"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":null},"os":"linux"}`
/** And for the upper one; `\u003c` is how Go writes `<`. */
const topFolder = '4d680c47ae54d1c1f835138da545775bd5ce3915300e8fe11c88893604e0e0c0'
const topJson = `{"id":"${topFolder}","parent":"${baseFolder}","created":"2026-11-28T12:32:34.381500443Z","container":"580b66bbcbb9596d6e9179579dae6ded4606983898fcf61a98e3be74ddac9ddc","container_config":{"Hostname":"580b66bbcbb9","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"ExposedPorts":{"80/tcp":{}},"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["true"],"Image":"flotilla/sample","Volumes":null,"WorkingDir":"/","Entrypoint":null,"OnBuild":null,"Labels":{"org.opencontainers.image.title":"Flotilla sample"}},"docker_version":"20.10.24+dfsg1","config":{"Hostname":"580b66bbcbb9","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"ExposedPorts":{"80/tcp":{}},"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["true"],"Image":"flotilla/sample","Volumes":null,"WorkingDir":"/","Entrypoint":null,"OnBuild":null,"Labels":{"a":"b\\u003c\\u0026x","org.opencontainers.image.title":"Flotilla sample"}},"architecture":"amd64","os":"linux"}`

describe('layers', () => {
  it('finds the layer behind a folder of a classic archive, for lower and topmost layers', () => {
    const chain = listChainIds([base, top])
    expect(chain[0]).toBe(base)
    expect([findChainId(baseFolder, baseJson, chain), findChainId(topFolder, topJson, chain)]).toEqual(chain)
  })

  it('takes a folder for no layer when anything differs', () => {
    const chain = listChainIds([base, top])
    expect(findChainId(baseFolder, baseJson, [chain[1]!])).toBeUndefined()
    expect(findChainId(topFolder, baseJson, chain)).toBeUndefined()
    expect(findChainId(topFolder, topJson.replace('x"', 'y"'), chain)).toBeUndefined()
    for (const text of ['', '{', '{}', '[]', '{"a"', '{"a":', '{"a":}', '{"a":1,}', 'null', '{"a":"\\']) {
      expect(findChainId(baseFolder, text, chain)).toBeUndefined()
    }
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(findChainId(baseFolder, `{${text}}`, chain)).toBeUndefined()
      }),
    )
  })

  it('counts layers in common from the bottom', () => {
    expect(countShared(['a', 'b', 'c'], [])).toBe(0)
    expect(countShared(['a', 'b', 'c'], [['b', 'a'], ['a', 'x', 'c'], ['a', 'b'], []])).toBe(2)
    expect(countShared(['a', 'b'], [['a', 'b', 'c']])).toBe(2)
    expect(countShared([], [['a']])).toBe(0)
  })
})
