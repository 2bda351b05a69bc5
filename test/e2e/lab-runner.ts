import process from 'node:process'
import { lab } from '../../src/testing/lab/lab.ts'

// Run by lab.e2e.ts as a program of its own, to be killed without a chance to clean up.
const running = await lab({ hosts: 2, image: true })
await running.hosts[0]?.docker(['run', '-d', 'flotilla/sample'])
await running.kv('etcd')
await running.hosts[1]?.freeze()
process.stdout.write(`${running.subnet}\n`)
process.stdin.resume()
setInterval(() => {}, 1000)
