import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it('ps --format raw has a field a line', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    await bed.write('compose.yaml', 'name: p\nservices: { web: { image: box:1, command: [serve] } }')
    await bed.run('up', '-d')
    const ps = await bed.run('ps', '--format', 'raw')
    const lines = ps.stdout.replace(/^(container_id|created_at|labels|status): .*/gm, '$1: *')
    expect(lines).toBe(`container_id: *
image: box:1
command: "serve"
created_at: *
state: running
status: *
names: p-web-1
labels: *
ports:

`)
  } finally {
    await bed.close()
  }
})

it('ps with a template prints ports in order as Go prints structs, and refuses a field that rows do not have', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    const ports = '["127.0.0.1:8081:81", "127.0.0.1:8080:80"]'
    await bed.write('compose.yaml', `name: p\nservices: { web: { image: box:1, command: [serve], ports: ${ports} } }`)
    await bed.run('up', '-d')
    expect(await bed.run('ps', '--format', '{{.Publishers}}')).toMatchObject({
      code: 0,
      stdout: '[{127.0.0.1 80 8080 tcp} {127.0.0.1 81 8081 tcp}]\n',
    })
    const wrong = 'template parsing error: template: :1:2: executing "" at <.Nme>: can\'t evaluate field Nme in type'
    for (const [command, type] of [
      ['ps', '*formatter.ContainerContext'],
      ['stats', '*container.statsContext'],
    ] as const) {
      const flags = command === 'stats' ? ['--no-stream'] : []
      const slip = await bed.run(command, ...flags, '--format', '{{.Nme}}')
      expect(slip).toMatchObject({ code: 1, stdout: '' })
      expect(slip.stderr).toContain(`${wrong} ${type}`)
    }
  } finally {
    await bed.close()
  }
})

it('tables of a template have columns of labels, headed by the end of their names', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    const labels = '{ my.own_name-x: "v,w" }'
    const volumes = `{ data: { labels: ${labels} } }`
    const service = `{ image: box:1, labels: ${labels}, volumes: ["data:/d"], ports: ["127.0.0.1:8080:80"] }`
    await bed.write('compose.yaml', `name: p\nservices: { web: ${service} }\nvolumes: ${volumes}`)
    await bed.run('up', '-d')
    const label = '{{.Label "my.own_name-x"}}'
    const ps = await bed.run('ps', '--format', `table {{.Name}}\\t${label}`)
    expect(ps.stdout).toBe('NAME      own name x\np-web-1   v,w\n')
    const listed = await bed.run('volumes', '--format', `table ${label}\\t{{.Name}}`)
    expect(listed.stdout).toBe('own name x   VOLUME NAME\nv,w          p_data\n')
    const json = await bed.run('ps', '--format', '{{json .Publishers}}')
    expect(json.stdout).toBe('[{"URL":"127.0.0.1","TargetPort":80,"PublishedPort":8080,"Protocol":"tcp"}]\n')
  } finally {
    await bed.close()
  }
})
