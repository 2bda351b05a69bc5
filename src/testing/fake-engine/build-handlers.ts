import { Buffer } from 'node:buffer'
import { FakeError } from './call.ts'
import type { FakeCall, FakeRoute } from './call.ts'
import { addLayeredImage } from './layered-image.ts'

/**
 * Takes any context and makes an empty image of each name, or one whose only layer is the build argument `LAYER`. A build
 * argument `FAIL` is what the build fails with.
 */
async function build(call: FakeCall): Promise<void> {
  const context = await call.body()
  const args = JSON.parse(call.query.get('buildargs') ?? '{}') as Readonly<Record<string, string>>
  const response = call.stream('application/json')
  const say = (line: unknown): void => void response.write(`${JSON.stringify(line)}\r\n`)
  say({ stream: `Step 1/1 : FROM scratch (${context.length} bytes)\n` })
  const { FAIL, LAYER } = args
  if (FAIL === undefined) {
    const tags = call.query.getAll('t')
    for (const tag of tags) {
      const image =
        LAYER === undefined ? call.state.addImage(tag) : addLayeredImage(call.state, tag, [Buffer.from(LAYER)])
      call.state.emit('image', 'tag', image.id, { name: tag })
      say({ stream: `Successfully tagged ${tag}\n` })
    }
  } else say({ errorDetail: { code: 7, message: FAIL }, error: FAIL })
  response.end()
}

/** A tunnel that says which engine it leads to and then echoes. */
function tunnel(call: FakeCall): void {
  const { socket, head } = call.upgrade('application/octet-stream')
  socket.write(`${call.state.options.name ?? 'fake'}\n`)
  if (head.length > 0) socket.write(head)
  socket.pipe(socket)
}

export const buildRoutes: readonly FakeRoute[] = [
  ['POST', /^\/build$/, build],
  ['POST', /^\/build\/cancel$/, (call) => call.send(200)],
  ['POST', /^\/session$/, tunnel],
  ['POST', /^\/grpc$/, tunnel],
  [
    'GET',
    /^\/plugins$/,
    (call) => call.send(200, [{ Id: 'p1', Name: `vol-${call.state.options.name ?? ''}:latest`, Enabled: true }]),
  ],
  [
    'GET',
    /^\/plugins\/(.+)\/json$/,
    (call) => {
      if (call.params[0] !== `vol-${call.state.options.name ?? ''}:latest`) throw new FakeError(404, 'not found')
      call.send(200, { Name: call.params[0] })
    },
  ],
]
