import { describe, expect, it } from 'vitest'
import { silentLog } from '../../../core/log.ts'
import { systemClock } from '../../../io/clock.ts'
import type { DriverContext, DriverOptions } from '../../driver.ts'
import { containerBody } from './container-spec.ts'
import { dockerFactory } from './driver.ts'
import { descriptor } from './index.ts'

const defaults: DriverOptions = Object.fromEntries(
  Object.entries(descriptor.flags).map(([name, flag]) => [name, flag.default ?? false]),
)

function context(env: Record<string, string> = {}): DriverContext {
  return {
    machineName: 'a',
    storePath: '/store',
    machinePath: '/store/machines/a',
    log: silentLog,
    clock: systemClock,
    random: { next: () => 0.5 },
    env,
  }
}

describe('the outer engine of a machine', () => {
  it('is written down, since the variables will point at the machine itself', async () => {
    const env = { DOCKER_HOST: 'tcp://192.0.2.1:2376', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' }
    expect(await dockerFactory.configure(context(env), defaults)).toMatchObject({
      OuterHost: 'tcp://192.0.2.1:2376',
      OuterCertPath: '/certs',
      OuterTLSVerify: true,
    })
    const named = { ...defaults, 'docker-host': 'unix:///x.sock' }
    expect(await dockerFactory.configure(context(env), named)).toMatchObject({ OuterHost: 'unix:///x.sock' })
    const inContext = { ...defaults, 'docker-context': 'there' }
    expect(await dockerFactory.configure(context(env), inContext)).toMatchObject({
      OuterHost: '',
      OuterContext: 'there',
    })
  })

  it('a variable that is no address is named', async () => {
    await expect(dockerFactory.configure(context({ DOCKER_HOST: 'x://' }), defaults)).rejects.toThrow(
      'DOCKER_HOST "x://" is no address of an engine',
    )
  })

  it('one that is not there is an error of the driver, not a state', async () => {
    const config = await dockerFactory.configure(context(), { ...defaults, 'docker-host': 'unix:///nowhere.sock' })
    const driver = dockerFactory.create(context(), config)
    await expect(driver.precheck({})).rejects.toThrow('cannot use the outer engine: ')
    await expect(driver.state({})).rejects.toMatchObject({ code: 'machine/driver' })
  })
})

describe('the container of a machine', () => {
  const wanted = {
    machineName: 'a',
    machinePath: '/store/machines/a',
    image: 'i',
    network: 'n',
    address: '192.0.2.9',
    cpus: 1.5,
    memoryMb: 256,
    volume: '',
    port: 2376,
    isPrivileged: true,
  }

  it('has its address, limits, labels and a volume of its own that goes with it', () => {
    const body = containerBody(wanted)
    expect(body).toMatchObject({
      Hostname: 'a',
      Labels: {
        'io.flotilla.machine': 'a',
        'io.flotilla.machine.path': '/store/machines/a',
        'io.flotilla.machine.address': '192.0.2.9',
      },
      Volumes: { '/var/lib/docker': {} },
      HostConfig: { Privileged: true, NanoCpus: 1_500_000_000, Memory: 268_435_456 },
      NetworkingConfig: { EndpointsConfig: { n: { IPAMConfig: { IPv4Address: '192.0.2.9' }, Aliases: ['a'] } } },
    })
    expect(body.HostConfig?.PortBindings).toBeUndefined()
  })

  it('is published at one port, on both sides the same, and keeps to a named volume', () => {
    const body = containerBody({ ...wanted, port: 24_001, publishAt: '127.0.0.1', volume: 'data' })
    expect(body.HostConfig?.PortBindings).toEqual({ '24001/tcp': [{ HostIp: '127.0.0.1', HostPort: '24001' }] })
    expect(body.HostConfig?.Mounts).toEqual([{ Type: 'volume', Source: 'data', Target: '/var/lib/docker' }])
    expect(body.Volumes).toBeUndefined()
  })

  it('where the engine cannot give all rights, gets those there are one by one', () => {
    const { HostConfig: host } = containerBody({ ...wanted, isPrivileged: false })
    expect(host?.Privileged).toBeUndefined()
    expect(host?.CapAdd).toContain('SYS_ADMIN')
    expect(host?.CapAdd).not.toContain('SYS_RESOURCE')
    expect(host?.DeviceCgroupRules).toEqual(['a *:* rwm'])
  })
})
