import { describe, expect, test } from 'vitest'
import { createMistralProvider } from '../../../shared/inference/mistral.ts'
import { evaluate } from '../../../shared/policy/evaluate.ts'
import { explain } from '../../../shared/policy/explain.ts'
import { type CallTarget, type Declaration, type Recipient, recipientOf } from '../../../shared/policy/recipient.ts'
import { loadPolicy, loadRegister } from '../../../shared/runtime/policy-files.ts'

const { register } = loadRegister(new URL('../../../infra/processors.yaml', import.meta.url).pathname)
const { policy } = loadPolicy(new URL('../../../infra/policies/eu-operated.yaml', import.meta.url).pathname)

const SELF_HOSTED: Declaration = { deployment: 'self_hosted', entity: 'Muster GmbH', country: 'DE', declared_on: '2026-11-22' }
const builtin: CallTarget = { processor: 'builtin', endpoint: 'in-process', region: 'in-process' }
const compatible: CallTarget = { processor: 'openai-compatible', endpoint: 'http://127.0.0.1:11434', region: 'eu' }
const MODELS = { classify: 'm', extract: 'm', answer: 'm', embed: 'e', ocr: null }
const mistral = (region: 'eu' | 'global' | 'us', baseUrl?: string): CallTarget => {
  const { processor, endpoints } = createMistralProvider({ apiKey: 'k', region, models: MODELS, ...(baseUrl && { baseUrl }) })
  return { processor, endpoint: endpoints[0], region }
}

const TENANT = '01890000-0000-7000-8000-000000000001'

const recipient = (target: CallTarget, declaration?: Declaration, of = register): Recipient =>
  recipientOf(of, target, declaration ? { [target.processor]: declaration } : {})

type Asked = 'none' | 'personal' | 'special' | 'criminal'

function outcome(target: CallTarget, dataClass: Asked, declaration?: Declaration, of = register): string {
  const request = {
    data_classes: [dataClass],
    sensitivity: 'internal',
    purpose: 'document_processing',
    task: 'extract',
    tenant_id: TENANT,
    day: '2026-11-22',
  } as const
  return evaluate(policy, recipient(target, declaration, of), request).outcome
}

describe('eu-operated with the shipped register', () => {
  test.each<[string, CallTarget, Declaration | undefined, Record<Asked, string>]>([
    ['builtin', builtin, undefined, { none: 'allowed', personal: 'allowed', special: 'allowed', criminal: 'allowed' }],
    ['Mistral in the EU', mistral('eu'), undefined, { none: 'allowed', personal: 'allowed', special: 'refused', criminal: 'refused' }],
    [
      'Mistral without a region',
      mistral('global'),
      undefined,
      { none: 'refused', personal: 'refused', special: 'refused', criminal: 'refused' },
    ],
    ['Mistral in the US', mistral('us'), undefined, { none: 'refused', personal: 'refused', special: 'refused', criminal: 'refused' }],
    [
      'an undeclared server, even on loopback',
      compatible,
      undefined,
      { none: 'refused', personal: 'refused', special: 'refused', criminal: 'refused' },
    ],
    [
      'a server declared self-hosted in the EEA',
      compatible,
      SELF_HOSTED,
      { none: 'allowed', personal: 'allowed', special: 'allowed', criminal: 'allowed' },
    ],
    [
      'one self-hosted elsewhere',
      compatible,
      { ...SELF_HOSTED, country: 'US' },
      { none: 'refused', personal: 'refused', special: 'refused', criminal: 'refused' },
    ],
    [
      'one declared hosted in the EEA',
      compatible,
      { ...SELF_HOSTED, deployment: 'hosted' },
      { none: 'allowed', personal: 'allowed', special: 'refused', criminal: 'refused' },
    ],
    [
      'one with direct reach',
      compatible,
      { ...SELF_HOSTED, deployment: 'hosted', reach: 'direct' },
      { none: 'refused', personal: 'refused', special: 'refused', criminal: 'refused' },
    ],
  ])('%s', (_, target, declaration, expected) => {
    const found = Object.fromEntries(
      (Object.keys(expected) as Asked[]).map((dataClass) => [dataClass, outcome(target, dataClass, declaration)]),
    )
    expect(found).toEqual(expected)
  })

  test('a declaration can not make a known provider self-hosted', () => {
    expect(outcome(mistral('eu'), 'special', SELF_HOSTED)).toBe('refused')
  })

  test('another address in front of a known provider is not its region', () => {
    const proxied = mistral('eu', 'http://127.0.0.1:9/v1')
    expect(recipient(proxied).endpoint).toBeNull()
    expect(outcome(proxied, 'personal')).toBe('refused')
  })

  test('a processor taken out of the register fails closed', () => {
    const without = { ...register, processors: register.processors.filter((entry) => entry.key !== 'mistral') }
    expect(outcome(mistral('eu'), 'personal', undefined, without)).toBe('refused')
  })

  test('every endpoint of the provider stands in the register', () => {
    for (const region of ['eu', 'global', 'us'] as const) expect(recipient(mistral(region)).endpoint?.region).toBe(region)
  })
})

test('the reach of Mistral is unknown until somebody has read its subprocessor list', () => {
  const entry = register.processors.find((processor) => processor.key === 'mistral')
  expect(entry).toMatchObject({ subprocessors: { read: false }, reach: { grade: 'unknown' } })
})

const strict = loadPolicy(new URL('../../../infra/policies/eu-strict.yaml', import.meta.url).pathname).policy
const open = loadPolicy(new URL('../../../infra/policies/open.yaml', import.meta.url).pathname).policy
const only = [{ ...builtin, model: 'm' }]
const TARGETS = { classify: only, extract: only, answer: only, embed: only, ocr: only }
const request = (dataClass: Asked, day = '2026-11-22') =>
  ({ data_classes: [dataClass], sensitivity: 'internal', purpose: 'document_processing', task: 'extract', tenant_id: TENANT, day }) as const
const allowedBy = (rules: typeof policy, dataClass: Asked, day?: string) => {
  const { providers } = explain({ policy: rules, register, declarations: {}, targets: TARGETS }, request(dataClass, day))
  return providers.filter(({ allowed }) => allowed).map(({ processor, region }) => `${processor} ${region}`)
}

describe('the shipped register under the shipped policies', () => {
  test('eu-operated lets personal data go to Mistral in the EU and stay inside, special data stay inside, and nothing else', () => {
    expect(allowedBy(policy, 'personal')).toEqual(['builtin in-process', 'mistral eu'])
    expect(allowedBy(policy, 'special')).toEqual(['builtin in-process'])
  })

  test('eu-strict lets nothing go to a hosted provider whose list of subprocessors nobody has read', () => {
    for (const dataClass of ['none', 'personal', 'special', 'criminal'] as const)
      expect(allowedBy(strict, dataClass)).toEqual(['builtin in-process'])
  })

  test('eu-strict allows a declared server of the organisation, and no longer when the declaration is a year old', () => {
    const decide = (day: string) => evaluate(strict, recipient(compatible, SELF_HOSTED), request('special', day))
    expect(decide('2026-11-22').outcome).toBe('allowed')
    expect(decide('2027-11-23')).toMatchObject({ outcome: 'refused' })
  })

  test('open lets everything go to every endpoint of the register, and nowhere else', () => {
    const everywhere = register.processors.flatMap(({ key, endpoints }) => endpoints.map(({ region }) => `${key} ${region}`))
    expect(allowedBy(open, 'special')).toEqual(['builtin in-process', ...everywhere])
    expect(evaluate(open, recipient(compatible), request('none')).outcome).toBe('refused')
  })
})
