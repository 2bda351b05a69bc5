import { connect } from 'node:net'

/** Whether somebody accepts TCP connections there. @param limitMs silence for so long is a no; milliseconds */
export function canConnect(host: string, port: number, limitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: limitMs })
    function finish(isOpen: boolean): void {
      socket.destroy()
      resolve(isOpen)
    }
    socket.once('connect', () => finish(true))
    socket.once('error', () => finish(false))
    socket.once('timeout', () => finish(false))
  })
}
