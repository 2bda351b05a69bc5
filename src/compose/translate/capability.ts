/** Words that stand for no single capability. */
const special: ReadonlySet<string> = new Set(['ALL', 'RESET'])

/**
 * Names of capabilities as Docker Compose 2.40 sends them, `CAP_NET_ADMIN` for `net_admin`: sorted, each once. The engine
 * keeps them as they are sent, and so they are seen in `inspect`. The hash is that of what the file says.
 */
export function toCapabilities(names: readonly string[] | undefined): readonly string[] {
  const full = (names ?? []).map((name) => {
    const upper = name.trim().toUpperCase()
    return special.has(upper) || upper.startsWith('CAP_') ? upper : `CAP_${upper}`
  })
  return [...new Set(full)].sort()
}
