import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseExactJson, renderExactJson } from '../../core/exact-json.ts'
import type { JsonValue } from '../../core/exact-json.ts'
import { attachmentNames, createNames, foldNames, networkNames, volumeNames } from './body-names.ts'
import type { Fields } from '../wire.ts'

function fold(text: string, names = createNames): string {
  return renderExactJson(foldNames(parseExactJson(text) as Fields, names) as JsonValue)
}

describe('foldNames', () => {
  // What engine 20.10 makes of these bodies was looked up in its inspect replies.
  it.each([
    ['{"image":"a","ENV":["A=b"],"cmd":["x"]}', '{"Image":"a","Env":["A=b"],"cmd":["x"]}'],
    [
      '{"hostconfig":{"networkmode":"none","portbindings":{"80/TCP":[{"hostport":"81","HOSTIP":"::1"}]}}}',
      '{"HostConfig":{"NetworkMode":"none","PortBindings":{"80/TCP":[{"HostPort":"81","HostIp":"::1"}]}}}',
    ],
    [
      '{"HostConfig":{"mounts":[{"type":"volume","SOURCE":"v","volumeoptions":{"driverconfig":{"name":"d"}}}]}}',
      '{"HostConfig":{"Mounts":[{"Type":"volume","Source":"v","VolumeOptions":{"DriverConfig":{"Name":"d"}}}]}}',
    ],
    ['{"hoſtconfig":{"linKs":["a:b"]}}', '{"HostConfig":{"Links":["a:b"]}}'],
    ['{"Image":"a","image":"b"}', '{"Image":"b"}'],
    ['{"Image":"a","image":"b","Image":"c"}', '{"Image":"c"}'],
    ['{"HostConfig":{"Memory":1,"NanoCpus":2},"hostconfig":{"memory":3}}', '{"HostConfig":{"Memory":3,"NanoCpus":2}}'],
    ['{"HostConfig":{"Memory":1},"hostconfig":null}', '{"HostConfig":null}'],
    ['{"Labels":{"a":"1","b":"1"},"labels":{"b":"2"}}', '{"Labels":{"a":"1","b":"2"}}'],
    ['{"Env":["A=1","B=2"],"env":["C=3"]}', '{"Env":["C=3"]}'],
  ])('%s is %s', (text, expected) => {
    expect(fold(text)).toBe(expected)
  })

  it.each([
    ['labels of the user', '{"Labels":{"Image":"a","image":"b","IMAGE":"c"}}'],
    ['names of networks', '{"NetworkingConfig":{"EndpointsConfig":{"image":{},"Image":{},"macaddress":{}}}}'],
    ['ports', '{"ExposedPorts":{"80/TCP":{},"80/tcp":{}}}'],
    [
      'fields that nobody looks at',
      '{"workingdir":"/","HostConfig":{"sysctls":{"A":"1","a":"2"},"Future":{"Image":1}}}',
    ],
    ['letters that only look alike', '{"ımage":"a","hostconfıg":{},"lİnks":1,"ＩＭＡＧＥ":"b"}'],
    ['wrong types', '{"HostConfig":[{"memory":1}],"Labels":7,"NetworkingConfig":{"EndpointsConfig":"x"}}'],
    ['names of the language', '{"__proto__":{"image":"a"},"constructor":"b","Labels":{"__proto__":"c"}}'],
    ['numbers beyond 2^53', '{"HostConfig":{"Memory":9223372036854775807,"DeviceRequests":[18446744073709551615]}}'],
  ])('%s stay as they are', (_, text) => {
    const body = parseExactJson(text) as Fields
    expect(foldNames(body, createNames)).toBe(body)
  })

  it.each([
    ['networks', networkNames, '{"name":"a","LABELS":{"b":"c"},"enableipv4":true,"ipam":{}}'],
    ['connects', attachmentNames, '{"container":"a","FORCE":true,"endpointconfig":{},"other":1}'],
    ['volumes', volumeNames, '{"NAME":"a","labels":{"B":"c"},"driveropts":{},"other":1}'],
  ])('knows the fields of %s', (_, names, text) => {
    expect(Object.keys(foldNames(parseExactJson(text) as Fields, names))).toMatchObject(
      names === networkNames
        ? ['Name', 'Labels', 'EnableIPv4', 'ipam']
        : names === attachmentNames
          ? ['Container', 'Force', 'EndpointConfig', 'other']
          : ['Name', 'Labels', 'DriverOpts', 'other'],
    )
  })

  it('whatever the case of its names, a body means the same', () => {
    const text =
      '{"Image":"a","Env":["constraint:node==b"],"HostConfig":{"Memory":1,"CpuShares":2,"Binds":["n/v:/d"],' +
      '"DeviceRequests":[{"Driver":"nvidia","Count":-1,"DeviceIDs":["x"],"Capabilities":[["gpu"]]}],' +
      '"RestartPolicy":{"Name":"always"}},"Healthcheck":{"StartInterval":5},"MacAddress":"m",' +
      '"NetworkingConfig":{"EndpointsConfig":{"net":{"MacAddress":"m","GwPriority":1,"Aliases":["a"]}}}}'
    const isName = /"([A-Z][A-Za-z]+)":/g
    fc.assert(
      fc.property(fc.infiniteStream(fc.boolean()), (flips) => {
        const written = text.replace(isName, (_, name: string) => {
          const odd = name.replaceAll(/[a-z]/gi, (letter) =>
            flips.next().value === true ? letter.toUpperCase() : letter.toLowerCase(),
          )
          return `"${odd}":`
        })
        expect(fold(written)).toBe(text)
      }),
      { numRuns: 200 },
    )
  })
})
