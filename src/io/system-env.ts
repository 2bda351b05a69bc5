import process from 'node:process'

type Env = Readonly<Record<string, string | undefined>>

/**
 * The environment for programs of the system: the folders that cron and users' shells leave out of the PATH stand at its
 * end. Where a precheck looks for programs, they are also started from.
 */
export function systemEnv(env: Env = process.env): Env {
  const path = env['PATH'] ?? ''
  const folders = path === '' ? ['/usr/bin', '/bin'] : path.split(':')
  const more = ['/usr/sbin', '/sbin'].filter((folder) => !folders.includes(folder))
  return { ...env, PATH: [...folders, ...more].join(':') }
}
