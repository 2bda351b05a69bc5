import type { Handler } from '../call.ts'

/** Who this endpoint takes the client for; without rules of access everybody is an admin whom it does not know. */
export const whoami: Handler = (_api, { exchange }) => {
  const { name = '', how = 'unknown', role = 'admin', tenant, projects } = exchange.caller ?? {}
  exchange.replyJson(200, {
    Name: name,
    Role: role,
    How: how,
    ...(tenant === undefined ? {} : { Tenant: tenant }),
    ...(projects === undefined ? {} : { Projects: projects }),
  })
}
