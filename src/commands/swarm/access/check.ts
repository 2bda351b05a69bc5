import { resolve } from 'node:path'
import type { Context, Run } from '../../../cli/command.ts'
import { readAccessFile } from '../../../cluster/access/access-file.ts'
import type { AccessRules, AccessUser } from '../../../cluster/access/model.ts'
import { FlotillaError } from '../../../core/errors.ts'
import { renderTable } from '../../../ui/table.ts'
import type { accessCheckFlags } from '../access-flags.ts'

/** Says whether a manager would take an access file, and what is in it. */
export const run: Run<typeof accessCheckFlags> = async (ctx, flags, args) => {
  const [file, ...more] = args
  if (file === undefined || file === '' || more.length > 0) {
    throw new FlotillaError('cli/usage', "swarm access check takes one file. See 'swarm access check --help'.")
  }
  const { rules } = await readAccessFile(resolve(ctx.cwd, file))
  if (flags.format === 'json') ctx.stdout.write(`${JSON.stringify(toJson(rules, ctx), undefined, 2)}\n`)
  else printTable(ctx, rules)
}

function printTable(ctx: Context, rules: AccessRules): void {
  const rows = rules.users.map((user) => [
    user.name,
    user.role,
    listProofs(user).join(', '),
    user.tenant ?? (user.projects ?? []).join(', '),
    describeEnd(user, ctx.clock.nowMs()),
  ])
  ctx.stdout.write(`${renderTable(['USER', 'ROLE', 'KNOWN BY', 'FOR', 'EXPIRES'], rows, { minWidth: 2 })}\n\n`)
  ctx.stdout.write(`Without a name: ${rules.anonymous ?? 'nothing'}. Unix sockets: ${rules.socket ?? 'nothing'}.\n`)
  for (const [role, allowed] of rules.allows) {
    if (allowed.size > 0) ctx.stdout.write(`Allowed to ${role}: ${[...allowed].join(', ')}.\n`)
  }
  for (const { name, allows } of rules.tenants.values()) {
    if (allows.size > 0) ctx.stdout.write(`Allowed to tenant ${name}: ${[...allows].join(', ')}.\n`)
  }
}

function listProofs({ certificate, tokenHash }: AccessUser): readonly string[] {
  return [
    ...(certificate === undefined ? [] : [`certificate ${certificate}`]),
    // Enough to tell tokens apart.
    ...(tokenHash === undefined ? [] : [`token ${tokenHash.slice(0, 12)}`]),
  ]
}

function describeEnd({ expiresAtMs }: AccessUser, nowMs: number): string {
  if (expiresAtMs === undefined) return 'never'
  const time = new Date(expiresAtMs).toISOString().replace('.000Z', 'Z')
  return expiresAtMs <= nowMs ? `${time} (over)` : time
}

function toJson(rules: AccessRules, ctx: Context): unknown {
  return {
    Users: rules.users.map((user) => ({
      Name: user.name,
      Role: user.role,
      Certificate: user.certificate ?? '',
      Token: user.tokenHash === undefined ? '' : `sha256:${user.tokenHash}`,
      Tenant: user.tenant ?? '',
      Projects: user.projects ?? [],
      Expires: user.expiresAtMs === undefined ? null : new Date(user.expiresAtMs).toISOString(),
      IsOver: user.expiresAtMs !== undefined && user.expiresAtMs <= ctx.clock.nowMs(),
    })),
    Tenants: [...rules.tenants.values()].map(({ name, quota, allows }) => ({
      Name: name,
      Quota: quota,
      Allows: [...allows],
    })),
    Anonymous: rules.anonymous ?? '',
    Socket: rules.socket ?? '',
    Allows: Object.fromEntries([...rules.allows].map(([role, allowed]) => [role, [...allowed]])),
    Managers: [...(rules.managers ?? [])],
  }
}
