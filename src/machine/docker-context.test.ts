import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { chooseContext } from './docker-context.ts'

const folder = mkdtempSync(join(tmpdir(), 'docker-context-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('a config.json that is a link into a folder of settings stays one', async () => {
  const [configFolder, dotfiles] = [join(folder, 'docker'), join(folder, 'dotfiles')]
  for (const each of [configFolder, dotfiles]) mkdirSync(each)
  writeFileSync(join(dotfiles, 'docker.json'), '{"credsStore": "pass"}')
  symlinkSync('../dotfiles/docker.json', join(configFolder, 'config.json'))
  await chooseContext({ configFolder }, 'web')
  expect(lstatSync(join(configFolder, 'config.json')).isSymbolicLink()).toBe(true)
  expect(JSON.parse(readFileSync(join(dotfiles, 'docker.json'), 'utf8'))).toEqual({
    credsStore: 'pass',
    currentContext: 'web',
  })
  await chooseContext({ configFolder }, undefined, 'web')
  expect(JSON.parse(readFileSync(join(dotfiles, 'docker.json'), 'utf8'))).toEqual({ credsStore: 'pass' })
})
