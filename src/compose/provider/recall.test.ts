import { describe, expect, it } from 'vitest'
import { dependsOn, dictionary, project, service } from '../../testing/compose-builders.ts'
import { recallModels } from '../ai-model.ts'
import { recallVariables } from './recall.ts'

describe('what containers were told last', () => {
  const environments = new Map([
    ['web', dictionary({ PATH: '/bin', DB_URL: 'x', DB_USER: 'old', SMALL_URL: 'http://m/', OTHER: 'y' })],
  ])

  it('by a provider has its name in front; services that do not depend on it know nothing of it', () => {
    const want = project([
      service('web', { depends_on: dependsOn('db'), environment: dictionary({ A: '1', DB_USER: 'new' }) }),
      service('alone', { environment: dictionary({ A: '1' }) }),
    ])
    const { services } = recallVariables(want, 'db', environments)
    expect({ ...services['web']?.environment }).toEqual({ A: '1', DB_URL: 'x', DB_USER: 'new' })
    expect({ ...services['alone']?.environment }).toEqual({ A: '1' })
  })

  it('of models is their address, under the name the service asks for', () => {
    const models = dictionary({ small: null, big: { endpoint_var: 'OTHER', model_var: 'WHICH' } })
    const want = project([service('web', { models })], {
      models: dictionary({ small: { model: 'ai/small' }, big: {} }),
    })
    const { services } = recallModels(want, Object.values(want.services), environments)
    expect({ ...services['web']?.environment }).toEqual({
      SMALL_MODEL: 'ai/small',
      SMALL_URL: 'http://m/',
      WHICH: 'big',
      OTHER: 'y',
    })
  })
})
