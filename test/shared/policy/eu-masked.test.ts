import { expect, test } from 'vitest'
import { type Decision, evaluate } from '../../../shared/policy/evaluate.ts'
import type { PolicyTask } from '../../../shared/policy/policy.ts'
import { type CallTarget, recipientOf } from '../../../shared/policy/recipient.ts'
import { loadPolicy, loadRegister } from '../../../shared/runtime/policy-files.ts'

const INFRA = new URL('../../../infra/', import.meta.url)
const { register } = loadRegister(new URL('processors.yaml', INFRA).pathname)
const { policy } = loadPolicy(new URL('policies/eu-masked.yaml', INFRA).pathname)

const MISTRAL: CallTarget = { processor: 'mistral', endpoint: 'https://api.eu.mistral.ai', region: 'eu' }
const VERTEX: CallTarget = { processor: 'google-vertex-ai', endpoint: 'https://aiplatform.eu.rep.googleapis.com', region: 'eu' }
const BUILTIN: CallTarget = { processor: 'builtin', endpoint: 'in-process', region: 'in-process' }
const IDENTIFIERS = ['iban', 'vat_id', 'national_id', 'phone', 'email', 'card', 'ip', 'birth_date', 'address']

function decide(target: CallTarget, dataClass: 'none' | 'personal' | 'special' | 'criminal', task: PolicyTask = 'extract'): Decision {
  const request = { data_classes: [dataClass], sensitivity: 'internal', purpose: 'document_processing', task, day: '2026-11-26' } as const
  return evaluate(policy, recipientOf(register, target, {}), { ...request, tenant_id: '01890000-0000-7000-8000-000000000001' })
}

test.each<PolicyTask>(['classify', 'extract', 'answer', 'embed'])(
  'to %s, personal data goes to the EU region with its identifiers masked',
  (task) => {
    expect(decide(MISTRAL, 'personal', task)).toMatchObject({ outcome: 'allowed', mask: IDENTIFIERS })
  },
)

test('a picture of personal data, which nobody can mask, stays inside', () => {
  expect(decide(MISTRAL, 'personal', 'ocr').outcome).toBe('refused')
  expect(decide(BUILTIN, 'personal', 'ocr').outcome).toBe('allowed')
  expect(decide(MISTRAL, 'none', 'ocr').outcome).toBe('allowed')
})

test('special and criminal data stay inside, masked or not', () => {
  for (const dataClass of ['special', 'criminal'] as const) {
    expect(decide(MISTRAL, dataClass).outcome).toBe('refused')
    expect(decide(BUILTIN, dataClass)).toMatchObject({ outcome: 'allowed', mask: [] })
  }
})

test('data about nobody goes to the same region as it is', () => {
  expect(decide(MISTRAL, 'none')).toMatchObject({ outcome: 'allowed', mask: [] })
})

test('masking opens no door to a processor whom foreign law reaches directly, whatever its region', () => {
  for (const dataClass of ['none', 'personal'] as const) expect(decide(VERTEX, dataClass).outcome).toBe('refused')
})
