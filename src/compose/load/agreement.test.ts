import { describe, expect, it } from 'vitest'
import { agreementNames, loadAgreement, readExpected } from '../../../test/compose-agreement.ts'
import { hashService } from '../hash.ts'
import { sortedNames } from '../model/dictionary.ts'
import { renderProject } from '../model/render/project.ts'

/** Services with env files: the reference program leaves those out of this listing (not out of the label). */
const unlisted: Readonly<Record<string, RegExp>> = { extends: /^(?!dep |inc |one )/, forms: /^(?:lists|nulls) / }

describe.each(agreementNames)('the files of %s', (name) => {
  it('are printed as YAML as docker-compose 2.40 prints them', () => {
    expect(renderProject(loadAgreement(name), 'yaml').replaceAll('$', '$$$$')).toBe(readExpected(name, 'yaml'))
  })

  it('are printed as JSON as docker-compose 2.40 prints them', () => {
    expect(renderProject(loadAgreement(name), 'json').replaceAll('$', '$$$$')).toBe(readExpected(name, 'json'))
  })

  it('give every service the hash docker-compose 2.40 gives it', () => {
    const project = loadAgreement(name)
    const hashes = sortedNames(project.services).map(
      (service) => `${service} ${hashService(project.services[service]!)}\n`,
    )
    const isListed = (line: string): boolean => unlisted[name]?.test(line) !== true
    const wanted = readExpected(name, 'hash').split(/(?<=\n)/)
    expect(hashes.filter(isListed)).toEqual(wanted.filter(isListed))
  })
})
