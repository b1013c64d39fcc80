import { expect, test } from 'vitest'
import { type ConfiguredTarget, explain, type Rules } from '../../../shared/policy/explain.ts'
import type { PolicyTask } from '../../../shared/policy/policy.ts'
import { loadPolicy, loadRegister } from '../../../shared/runtime/policy-files.ts'

const INFRA = new URL('../../../infra/', import.meta.url)
const { register } = loadRegister(new URL('processors.yaml', INFRA).pathname)
const { policy } = loadPolicy(new URL('policies/eu-operated.yaml', INFRA).pathname)
const builtin: ConfiguredTarget = { processor: 'builtin', endpoint: 'in-process', region: 'in-process', model: 'builtin' }
const mistral: ConfiguredTarget = { processor: 'mistral', endpoint: 'https://api.eu.mistral.ai', region: 'eu', model: 'm' }

function chosen(targets: Partial<Rules['targets']>, task: PolicyTask) {
  const none: Rules['targets'] = { classify: [], extract: [], answer: [], embed: [], ocr: [] }
  const request = {
    data_classes: ['personal'],
    sensitivity: 'internal',
    purpose: 'document_processing',
    task,
    tenant_id: '01890000-0000-7000-8000-000000000001',
    day: '2026-11-26',
  } as const
  return explain({ policy, register, declarations: {}, targets: { ...none, ...targets } }, request)
}

test('the order is that of the task which is asked about', () => {
  const targets = { extract: [mistral, builtin], embed: [builtin, mistral] }
  expect(chosen(targets, 'extract').chosen).toBe('mistral')
  expect(chosen(targets, 'embed').chosen).toBe('builtin')
  expect(chosen(targets, 'ocr').chosen).toBeNull()
  expect(chosen(targets, 'ocr').providers.every(({ configured }) => !configured)).toBe(true)
})

test('a provider with one address that is refused is not chosen, as the gateway would not', () => {
  const replica = { ...mistral, endpoint: 'https://replica.example' }
  const { providers, chosen: taken } = chosen({ extract: [mistral, replica, builtin] }, 'extract')
  expect(taken).toBe('builtin')
  expect(providers.filter(({ processor, configured }) => processor === 'mistral' && configured).map(({ allowed }) => allowed)).toEqual([
    true,
    false,
  ])
})
