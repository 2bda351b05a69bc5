/** What docker-machine accepts as the name of a host (libmachine/host/host.go). */
export function isHostName(text: string): boolean {
  return text.length <= 253 && /^[a-zA-Z0-9][a-zA-Z0-9\-.]*$/.test(text)
}
