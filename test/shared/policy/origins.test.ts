import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { allowedOrigins } from '../../../shared/policy/origins.ts'
import type { CallTarget, Declarations } from '../../../shared/policy/recipient.ts'
import { loadRegister } from '../../../shared/runtime/policy-files.ts'

const { register } = loadRegister(resolve(import.meta.dirname, '../../../infra/processors.yaml'))
const DECLARED: Declarations = {
  vllm: { deployment: 'self_hosted', entity: 'Beispiel GmbH', country: 'DE', declared_on: '2026-11-22' },
}

function target(processor: string, endpoint: string): CallTarget {
  return { processor, endpoint, region: 'eu' }
}

test('the origins of the register are allowed, each once and without a path', () => {
  const origins = allowedOrigins(register, {}, [])
  expect(origins).toContain('https://api.eu.mistral.ai')
  expect(origins).toContain('https://api.mistral.ai')
  expect(new Set(origins).size).toBe(origins.length)
  for (const origin of origins) expect(new URL(origin).origin).toBe(origin)
})

test('a server that the operator declared is allowed, at each of its addresses', () => {
  const origins = allowedOrigins(register, DECLARED, [target('vllm', 'http://10.0.0.5:8000'), target('vllm', 'http://10.0.0.6:8000')])
  expect(origins).toEqual(expect.arrayContaining(['http://10.0.0.5:8000', 'http://10.0.0.6:8000']))
})

test.each([
  ['a server that nobody declared', target('vllm', 'http://10.0.0.5:8000'), {}],
  ['a proxy in front of a known provider', target('mistral', 'http://127.0.0.1:9'), DECLARED],
  ['a known provider that somebody declares to be his own', target('mistral', 'http://127.0.0.1:9'), { mistral: DECLARED.vllm }],
  ['a provider that the register does not hold', target('nobody', 'https://nobody.example'), { nobody: DECLARED.vllm }],
])('%s is not allowed', (_, configured, declarations) => {
  expect(allowedOrigins(register, declarations as Declarations, [configured])).toEqual(allowedOrigins(register, {}, []))
})

test('what runs in this process is no origin', () => {
  expect(allowedOrigins(register, {}, [target('builtin', 'in-process')])).not.toContain('in-process')
})
