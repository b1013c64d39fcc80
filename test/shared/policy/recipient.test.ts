import { expect, test } from 'vitest'
import { byStrictness, evaluate, type PolicyRequest } from '../../../shared/policy/evaluate.ts'
import { Policy } from '../../../shared/policy/policy.ts'
import { type CallTarget, recipientOf } from '../../../shared/policy/recipient.ts'
import type { ProcessorRegister } from '../../../shared/policy/register.ts'
import { loadRegister } from '../../../shared/runtime/policy-files.ts'

const { register } = loadRegister(new URL('../../../infra/processors.yaml', import.meta.url).pathname)
const anything = Policy.parse({ name: 'anything', version: 1, rules: [{ name: 'anything', allow: true }] })
const insideOnly = Policy.parse({
  name: 'inside-only',
  version: 1,
  rules: [{ name: 'inside', require: { deployment: ['in_process'] }, allow: true }],
})
const REQUEST: PolicyRequest = {
  data_classes: ['personal'],
  sensitivity: 'internal',
  purpose: 'test',
  task: 'extract',
  tenant_id: '01890000-0000-7000-8000-000000000001',
  day: '2026-11-22',
}
const mistral: CallTarget = { processor: 'mistral', endpoint: 'https://api.eu.mistral.ai', region: 'eu' }

const outcome = (policy: Policy, target: CallTarget, of: ProcessorRegister = register) =>
  evaluate(policy, recipientOf(of, target, {}), REQUEST)

test.each<[string, CallTarget]>([
  ['an address that the register does not hold', { ...mistral, endpoint: 'https://proxy.example' }],
  ['another port', { ...mistral, endpoint: 'https://api.eu.mistral.ai:8443' }],
  ['another scheme', { ...mistral, endpoint: 'http://api.eu.mistral.ai' }],
  ['the address of another region', { ...mistral, region: 'us' }],
  ['a server that nobody declared', { processor: 'openai-compatible', endpoint: 'http://127.0.0.1:11434', region: 'eu' }],
])('a policy that asks for nothing still refuses %s', (_, target) => {
  expect(outcome(anything, mistral).outcome).toBe('allowed')
  expect(outcome(anything, target)).toEqual({
    outcome: 'refused',
    rule: 'anything',
    failed: [{ requirement: 'endpoint in the register', found: 'unknown' }],
    mask: [],
  })
})

test.each(['https://api.openai.com', 'https://api.openai.com.', 'http://api.openai.com:8080', 'https://any.api.openai.com'])(
  'nobody can declare %s, an address of somebody whom the register holds, a server of one’s own',
  (endpoint) => {
    const declaration = { deployment: 'self_hosted', entity: 'Own GmbH', country: 'DE', declared_on: '2026-11-01' } as const
    const decided = (at: string) =>
      evaluate(anything, recipientOf(register, { processor: 'vllm', endpoint: at, region: 'eu' }, { vllm: declaration }), REQUEST)
    expect(decided('https://vllm.example').outcome).toBe('allowed')
    expect(decided('https://notapi.openai.com').outcome).toBe('allowed')
    expect(decided(endpoint)).toMatchObject({ outcome: 'refused', failed: [{ requirement: 'endpoint in the register', found: 'unknown' }] })
  },
)

test('the register can not make a provider with an address run in this process', () => {
  const processors = register.processors.map((entry) => (entry.key === 'mistral' ? { ...entry, deployment: 'in_process' as const } : entry))
  const claiming = { ...register, processors }
  expect(outcome(insideOnly, { processor: 'builtin', endpoint: 'in-process', region: 'in-process' }, claiming).outcome).toBe('allowed')
  for (const policy of [insideOnly, anything]) expect(outcome(policy, mistral, claiming).outcome).toBe('refused')
})

test('nor can a provider without an address pass for one that the register says is hosted', () => {
  expect(outcome(anything, { ...mistral, endpoint: 'in-process' }).outcome).toBe('refused')
})

test('of several documents the strictest comes first, whether its class or its sensitivity says so', () => {
  const open = { data_classes: ['none'], sensitivity: 'public' } as const
  const personal = { data_classes: ['none', 'personal'], sensitivity: 'internal' } as const
  const criminal = { data_classes: ['criminal'], sensitivity: 'internal' } as const
  const special = { data_classes: ['personal', 'special'], sensitivity: 'internal' } as const
  const marked = { data_classes: ['none'], sensitivity: 'special' } as const
  const unclassed = { data_classes: [], sensitivity: 'internal' } as const
  const sorted = [open, personal, criminal, special, marked, unclassed].sort(byStrictness)
  expect(sorted).toEqual([unclassed, special, marked, criminal, personal, open])
})
