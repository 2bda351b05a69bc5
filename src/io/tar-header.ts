import type { Header } from 'tar-stream'

/** As `stat` has it beside the rights; an archive takes the rights alone. */
const fileBit = 0o100_000
/** Octal digits of the plain header as the package writes them. */
const maxId = 0o777_777
/** Beyond this the package's arithmetic turns negative. */
const maxSeconds = 0x7f_ff_ff_ff

type Numbers = Pick<Header, 'name'> & Partial<Header>

/**
 * A header whose owner and time are kept also where the plain one has no room for them: the package would clip them, or
 * write what no reader takes. They go into records of their own (POSIX pax). Rights of nobody are kept as well: the package
 * takes them for none given.
 */
export function withLargeNumbers<H extends Numbers>(given: H): H {
  const header = given.mode === 0 ? { ...given, mode: fileBit } : given
  const { uid = 0, gid = 0, mtime } = header
  const seconds = mtime === undefined ? 0 : Math.floor(mtime.getTime() / 1000)
  const isEarlyOrLate = !(seconds >= 0 && seconds <= maxSeconds)
  const pax = {
    ...(uid > maxId && { uid: String(uid) }),
    ...(gid > maxId && { gid: String(gid) }),
    ...(isEarlyOrLate && Number.isFinite(seconds) && { mtime: String(seconds) }),
  }
  if (Object.keys(pax).length === 0) return header
  return {
    ...header,
    uid: Math.min(uid, maxId),
    gid: Math.min(gid, maxId),
    ...(isEarlyOrLate && { mtime: new Date(0) }),
    pax: { ...recordsOf(header), ...pax },
  }
}

/** When an entry was changed, as exactly as the archive says. */
export function timeOf(header: Partial<Header>): Date | undefined {
  const seconds = Number(recordsOf(header)['mtime'] ?? Number.NaN)
  return Number.isNaN(seconds) ? header.mtime : new Date(seconds * 1000)
}

function recordsOf({ pax }: Partial<Header>): Readonly<Record<string, string>> {
  return typeof pax === 'object' && pax !== null ? { ...pax } : {}
}
