import type { Written, WrittenService } from '../model/project.ts'
import { isWrittenMap, toPythonText } from './classic-written.ts'
import type { PythonValue } from './python-json.ts'

/**
 * Ports as docker-compose 1 keeps them: target, published, protocol, mode, address of each.
 *
 * @returns undefined for a form that is not known here
 */
export function toClassicPorts(value: Written): readonly PythonValue[] | undefined {
  if (!Array.isArray(value)) return undefined
  const ports: PythonValue[] = []
  for (const entry of value) {
    const found = isWrittenMap(entry) ? fromFields(entry) : fromText(toPythonText(entry))
    if (found === undefined) return undefined
    ports.push(...found)
  }
  return ports
}

function fromFields(entry: WrittenService): readonly PythonValue[] | undefined {
  // An address is there only where files were merged.
  const { target, published, protocol = null, mode = null, external_ip: address = null } = entry
  if (typeof target !== 'number') return undefined
  if (typeof published === 'string' && /^\d+-\d+$/.test(published))
    return [[target, published, protocol, mode, address]]
  const number = published === undefined ? null : Number(published)
  return Number.isNaN(number) ? undefined : [[target, number, protocol, mode, address]]
}

/** `[address:][published:]target[/protocol]`, with ranges of equal length. */
function fromText(text: string): readonly PythonValue[] | undefined {
  const match = /^(?:(?:([\d.]+|\[[\da-fA-F:.]+\]):)?(\d+(?:-\d+)?)?:)?(\d+(?:-\d+)?)(?:\/(tcp|udp|sctp))?$/.exec(text)
  if (match === null) return undefined
  const [, address, published, target = '', protocol = null] = match
  const targets = toRange(target)
  const isOne = targets.length === 1 && published?.includes('-') === true
  const hosts = published === undefined ? [] : toRange(published)
  if (hosts.length > 0 && !isOne && hosts.length !== targets.length) return undefined
  return targets.map((port, index) => {
    const host = published === undefined ? null : isOne ? published : (hosts[index] ?? null)
    return [port, host, protocol, null, address?.replace(/[[\]]/g, '') ?? null]
  })
}

function toRange(text: string): readonly number[] {
  const [first = 0, last = first] = text.split('-').map(Number)
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index)
}
