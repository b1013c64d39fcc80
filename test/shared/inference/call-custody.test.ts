import { expect, test } from 'vitest'
import { custodyOf } from '../../../shared/inference/call-custody.ts'
import { recipientOf } from '../../../shared/policy/recipient.ts'
import { loadRegister } from '../../../shared/runtime/policy-files.ts'

const { register } = loadRegister(new URL('../../../infra/processors.yaml', import.meta.url).pathname)
const TIME = new Date('2026-11-26T12:00:00.000Z')

function custody(processor: string, endpoint: string, region: string) {
  return custodyOf([recipientOf(register, { processor, endpoint, region }, {})], TIME)
}

test('rules in this process hand nothing to anybody', () => {
  expect(custody('builtin', 'in-process', 'local')).toEqual({ transfer: null, provider_retention: null })
})

test('thirty days of the register end thirty days after the call', () => {
  expect(custody('mistral', 'https://api.eu.mistral.ai', 'eu').provider_retention).toEqual({
    mode: 'days',
    until: '2026-12-26T12:00:00.000Z',
  })
})

test('a country outside the EEA is named with who receives it and what allows that', () => {
  const { transfer } = custody('mistral', 'https://api.us.mistral.ai', 'us')
  expect(transfer).toEqual({ country: 'US', importer: expect.stringContaining('Mistral AI SAS'), mechanism: 'unknown' })
})

test('an endpoint that commits to no country is not taken to be in the EEA', () => {
  expect(custody('mistral', 'https://api.mistral.ai', 'global').transfer).toMatchObject({ country: 'unknown' })
})

test('of a processor that the register does not hold nothing is known', () => {
  expect(custody('stranger', 'https://stranger.example', 'eu')).toEqual({
    transfer: { country: 'unknown', importer: 'unknown', mechanism: 'unknown' },
    provider_retention: { mode: 'unknown', until: null },
  })
})
