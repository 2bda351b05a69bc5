import process from 'node:process'
import { pluginMetadata, readPluginCall } from '../cli/plugin-call.ts'
import type { Program } from '../cli/run.ts'
import { start } from './start.ts'

/** Runs a program that is also a plugin of the docker command. */
export async function startPlugin(program: Program): Promise<void> {
  const call = readPluginCall(process.argv.slice(2))
  if (call.kind === 'metadata') {
    process.stdout.write(`${JSON.stringify(pluginMetadata)}\n`)
    return
  }
  const socket = process.env['DOCKER_CLI_PLUGIN_SOCKET']
  const hasSocket = socket !== undefined && socket !== '' && process.platform !== 'win32'
  if (hasSocket) await followCaller(socket)
  await start(program, call)
}

/**
 * The docker command closes this socket when it is told to end, and the plugin has to end with it (docker/cli
 * cli-plugins/socket). On a terminal Ctrl-C reaches both, and the socket stays open.
 */
async function followCaller(address: string): Promise<void> {
  const { connect } = await import('node:net')
  // `@` stands for the zero byte of Linux's abstract names.
  const socket = connect(address.replace(/^@/, '\0'))
  let isOpen = false
  socket.once('connect', () => {
    isOpen = true
  })
  socket.on('error', () => {})
  socket.once('close', () => {
    if (isOpen) process.kill(process.pid, 'SIGINT')
  })
  socket.resume()
  socket.unref()
}
