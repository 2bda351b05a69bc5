import { GoScalar } from '../model/go-scalar.ts'

const date = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:([Tt ])(\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,](\d+))?(Z|[-+]\d{2}:\d{2})?)?$/

/**
 * A plain scalar that is a date to the reference program: a day, alone or with a time of day. After a blank the time
 * has no zone, after a `T` it has one.
 */
export function resolveDate(text: string): GoScalar | undefined {
  const match = date.exec(text)
  if (match === null) return undefined
  const [, year = '', month = '', day = '', mark, hour = '0', minute = '0', second = '0', fraction = '', zone] = match
  if (mark !== undefined && (mark === ' ') !== (zone === undefined)) return undefined
  const [offset, zoneHours, zoneMinutes] = toZone(zone)
  const isTime = Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60 && zoneHours <= 24 && zoneMinutes < 60
  if (!isTime || !isDay(Number(year), Number(month), Number(day))) return undefined
  const digits = fraction.slice(0, 9).replace(/0+$/, '')
  const clock = [hour, minute, second].map((part) => part.padStart(2, '0')).join(':')
  const rest = digits === '' ? '' : `.${digits}`
  return new GoScalar('time', `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}T${clock}${rest}${offset}`)
}

function toZone(zone: string | undefined): readonly [offset: string, hours: number, minutes: number] {
  if (zone === undefined || zone === 'Z') return ['Z', 0, 0]
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(4))]
  return [hours === 0 && minutes === 0 ? 'Z' : zone, hours, minutes]
}

function isDay(year: number, month: number, day: number): boolean {
  const made = new Date(Date.UTC(2000, month - 1, day))
  made.setUTCFullYear(year, month - 1, day)
  return month >= 1 && made.getUTCMonth() === month - 1 && made.getUTCDate() === day
}
