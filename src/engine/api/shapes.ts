import type { Shape } from '../shape.ts'

/** What is read of answers that many commands go by. Only what every engine since 1.24 says is a must. */

const texts: Shape = { listOf: 'text' }
const labels: Shape = { mapOf: 'text' }

/** `GET /containers/json` */
export const containerRows: Shape = {
  listOf: {
    must: { Id: 'text' },
    may: {
      Names: texts,
      Image: 'text',
      ImageID: 'text',
      Command: 'text',
      Created: 'number',
      State: 'text',
      Status: 'text',
      Labels: labels,
      Ports: { listOf: { may: { IP: 'text', PublicPort: 'number', PrivatePort: 'number', Type: 'text' } } },
      NetworkSettings: { may: { Networks: { mapOf: { may: { NetworkID: 'text' } } } } },
      Mounts: { listOf: { may: { Type: 'text', Name: 'text', Source: 'text', Destination: 'text' } } },
    },
  },
}

/** `GET /containers/{id}/json` */
export const containerDetails: Shape = {
  must: {
    Id: 'text',
    State: {
      may: {
        Status: 'text',
        Running: 'truth',
        ExitCode: 'number',
        Error: 'text',
        Health: { may: { Status: 'text', Log: { listOf: { may: { Output: 'text', ExitCode: 'number' } } } } },
      },
    },
    Config: { may: { Image: 'text', Tty: 'truth', OpenStdin: 'truth', Env: texts, Labels: labels } },
  },
  may: {
    Name: 'text',
    Image: 'text',
    RestartCount: 'number',
    HostConfig: {},
    Mounts: { listOf: {} },
    NetworkSettings: { may: { Networks: {} } },
  },
}

/** `GET /networks` */
export const networkRows: Shape = {
  listOf: {
    must: { Id: 'text', Name: 'text' },
    may: { Driver: 'text', IPAM: { may: { Options: labels } }, Labels: labels },
  },
}

/** `GET /volumes/{name}` and `POST /volumes/create` */
export const volumeRow: Shape = { must: { Name: 'text' }, may: { Driver: 'text', Labels: labels } }

/** `GET /volumes` */
export const volumeRows: Shape = { may: { Volumes: { listOf: volumeRow } } }

/** `GET /images/json` */
export const imageRows: Shape = {
  listOf: { must: { Id: 'text' }, may: { RepoTags: texts, RepoDigests: texts, Labels: labels } },
}

/** `GET /images/{name}/json` */
export const imageDetails: Shape = {
  must: { Id: 'text' },
  may: {
    RepoTags: texts,
    RepoDigests: texts,
    Created: 'text',
    Os: 'text',
    Architecture: 'text',
    Variant: 'text',
    Config: { may: { Volumes: {}, Env: texts, Labels: labels } },
  },
}

/** What is told of something that was made: a container, a network, an exec, an image. */
export const made: Shape = { must: { Id: 'text' }, may: { Warnings: texts } }

/** A line of `GET /events` */
export const event: Shape = {
  must: { Type: 'text', Action: 'text', Actor: { may: { ID: 'text', Attributes: labels } }, time: 'number' },
}

/** `GET /version` */
export const versions: Shape = { may: { Version: 'text', ApiVersion: 'text' } }

/** `POST /containers/{id}/wait` */
export const containerExit: Shape = { must: { StatusCode: 'number' }, may: { Error: { may: { Message: 'text' } } } }

/** `GET /containers/{id}/top` */
export const processTable: Shape = { must: { Titles: texts }, may: { Processes: { listOf: texts } } }

/** `GET /exec/{id}/json` */
export const execDetails: Shape = { may: { Running: 'truth', ExitCode: 'number', Pid: 'number' } }

/** `GET /flotilla/nodes` of our own endpoints. */
export const nodeRows: Shape = {
  listOf: {
    may: {
      Name: 'text',
      ID: 'text',
      State: 'text',
      Role: 'text',
      OSType: 'text',
      Architecture: 'text',
      Labels: labels,
    },
  },
}
