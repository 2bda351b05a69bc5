import { writeSync } from 'node:fs'
import process from 'node:process'
import { pluginMetadata, readPluginCall } from '../cli/plugin-call.ts'
import type { Program } from '../cli/run.ts'
import { start } from './start.ts'

/** Runs a program that is also a plugin of the docker command. */
export async function startPlugin(program: Program): Promise<void> {
  const call = readPluginCall(process.argv.slice(2))
  if (call.kind === 'metadata') {
    // Asked for on every help page of docker: not worth the loading of streams.
    writeSync(1, `${JSON.stringify(pluginMetadata)}\n`)
    return
  }
  const address = process.env['DOCKER_CLI_PLUGIN_SOCKET'] ?? ''
  if (address !== '' && process.platform !== 'win32') {
    const { followCaller } = await import('./follow-caller.ts')
    followCaller(address)
  }
  await start(program, call)
}
