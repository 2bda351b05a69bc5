import type { Service } from '../model/service.ts'
import type { DeviceRequest } from '../model/deploy.ts'
import type { Ulimit } from '../model/build.ts'
import { dropEmpty } from './api-version.ts'
import type { DeviceRequestBody, ResourcesBody } from './body.ts'

const nanosPerCore = 1e9
const cdiName = /^[A-Za-z0-9][\w.-]*\/[\w.-]+=[\w.:-]+$/

/** Limits, devices and cgroup settings. Limits under `deploy` win over the old keys. */
export function toResources(service: Service): ResourcesBody {
  const limits = service.deploy?.resources?.limits
  const reservations = service.deploy?.resources?.reservations
  const blkio = service.blkio_config
  const devices = service.devices ?? []
  const plain = dropEmpty<ResourcesBody>({
    BlkioWeight: blkio?.weight ?? 0,
    BlkioWeightDevice: (blkio?.weight_device ?? []).map(({ path, weight }) => ({ Path: path, Weight: weight })),
    BlkioDeviceReadBps: toThrottles(blkio?.device_read_bps),
    BlkioDeviceReadIOps: toThrottles(blkio?.device_read_iops),
    BlkioDeviceWriteBps: toThrottles(blkio?.device_write_bps),
    BlkioDeviceWriteIOps: toThrottles(blkio?.device_write_iops),
    CgroupParent: service.cgroup_parent ?? '',
    CpuCount: service.cpu_count ?? 0,
    CpuPercent: Math.trunc((service.cpu_percent ?? 0) * 100),
    CpuPeriod: service.cpu_period ?? 0,
    CpuQuota: service.cpu_quota ?? 0,
    CpuRealtimePeriod: service.cpu_rt_period ?? 0,
    CpuRealtimeRuntime: service.cpu_rt_runtime ?? 0,
    CpuShares: service.cpu_shares ?? 0,
    CpusetCpus: service.cpuset ?? '',
    DeviceCgroupRules: service.device_cgroup_rules ?? [],
    DeviceRequests: [
      ...(reservations?.devices ?? []).map(toDeviceRequest),
      ...(service.gpus ?? []).map(toGpuRequest),
      ...toCdiRequests(devices.map((device) => device.source).filter((source) => cdiName.test(source))),
    ],
    Devices: devices
      .filter((device) => !cdiName.test(device.source))
      .map((device) => ({
        PathOnHost: device.source,
        PathInContainer: device.target ?? device.source,
        CgroupPermissions: device.permissions ?? 'rwm',
      })),
    Memory: limits?.memory ?? service.mem_limit ?? 0,
    MemoryReservation: reservations?.memory ?? service.mem_reservation ?? 0,
    MemorySwap: service.memswap_limit ?? 0,
    NanoCpus: toNanoCpus(limits?.cpus ?? service.cpus ?? 0),
    OomKillDisable: service.oom_kill_disable ?? false,
    Ulimits: Object.entries(service.ulimits ?? {}).map(toUlimit),
  })
  // A negative one under `deploy` is none: the engine's own, which is no limit.
  const pids = (limits?.pids ?? 0) > 0 ? limits?.pids : service.pids_limit
  return {
    ...plain,
    // Zero is a wish of its own here: never swap.
    ...(service.mem_swappiness !== undefined && { MemorySwappiness: service.mem_swappiness }),
    ...(pids !== undefined && pids !== 0 && { PidsLimit: pids }),
  }
}

/**
 * In single precision, as docker-compose 2 counts (docker/compose pkg/compose/create.go): 1.1 is 1100000000 then, and not
 * the 1100000024 that the same number has in double precision.
 */
function toNanoCpus(cpus: number): number {
  return Math.trunc(Math.fround(Math.fround(cpus) * nanosPerCore))
}

function toThrottles(
  devices: readonly { readonly path: string; readonly rate: number }[] | undefined,
): readonly { readonly Path: string; readonly Rate: number }[] {
  return (devices ?? []).map(({ path, rate }) => ({ Path: path, Rate: rate }))
}

function toUlimit([name, limit]: [string, Ulimit]): { Name: string; Soft: number; Hard: number } {
  const single = limit.single ?? 0
  return { Name: name, Soft: limit.soft ?? single, Hard: limit.hard ?? single }
}

function toGpuRequest(request: DeviceRequest): DeviceRequestBody {
  const capabilities = request.capabilities ?? []
  return toDeviceRequest({
    ...request,
    capabilities: capabilities.includes('gpu') ? capabilities : [...capabilities, 'gpu'],
  })
}

function toDeviceRequest(request: DeviceRequest): DeviceRequestBody {
  const ids = request.device_ids ?? []
  return dropEmpty<DeviceRequestBody>({
    Driver: request.driver ?? '',
    Count: ids.length > 0 ? 0 : (request.count ?? -1),
    DeviceIDs: ids,
    Capabilities: [request.capabilities ?? []],
    Options: { ...request.options },
  })
}

function toCdiRequests(names: readonly string[]): readonly DeviceRequestBody[] {
  return names.length === 0 ? [] : [{ Driver: 'cdi', DeviceIDs: names }]
}
