import { describe, expect, test } from 'vitest'
import { Policy } from '../../../shared/policy/policy.ts'
import { createReplay, type PastCall, type UnknownCall } from '../../../shared/policy/replay.ts'
import { loadPolicy, loadRegister } from '../../../shared/runtime/policy-files.ts'

const INFRA = new URL('../../../infra/', import.meta.url)
const { register } = loadRegister(new URL('processors.yaml', INFRA).pathname)
const shipped = (name: string) => loadPolicy(new URL(`policies/${name}.yaml`, INFRA).pathname).policy
const open = shipped('open')
const strict = shipped('eu-strict')
const operated = shipped('eu-operated')

const DOCUMENT = '01890000-0000-7000-8000-00000000000a'
const OTHER = '01890000-0000-7000-8000-00000000000b'
const personal = { sensitivity: 'internal', purpose: 'document_processing', readings: [['personal']] } as const
const CALL: PastCall = {
  tenant_id: '01890000-0000-7000-8000-000000000001',
  time: '2026-11-26T10:00:00.000Z',
  task: 'extract',
  recipient: { processor: 'mistral', region: 'eu', endpoints: ['https://api.eu.mistral.ai'] },
  was: 'allowed',
  subjects: [personal],
  document_ids: [DOCUMENT],
}
const REFUSED: PastCall = {
  ...CALL,
  was: 'refused',
  recipient: { processor: 'openai', region: 'eu', endpoints: ['https://eu.api.openai.com'] },
}

function replayed(policy: Policy, calls: (PastCall | UnknownCall)[], today: string | null = '2026-11-26', of = register) {
  const replay = createReplay({ policy, register: of, declarations: {} }, today)
  for (const call of calls) replay.add(call)
  return replay.result()
}

describe('calls on record under another policy', () => {
  test('are refused now by the rule and for the reasons that a call would be', () => {
    const found = replayed(strict, [CALL, { ...CALL, document_ids: [OTHER] }])
    expect(found).toMatchObject({ calls: 2, now_refused: 2, still_allowed: 0, unknown: 0 })
    expect(found.groups).toHaveLength(1)
    expect(found.groups[0]).toMatchObject({
      change: 'now_refused',
      processor: 'mistral',
      rule: 'eea-from-top-to-bottom',
      calls: 2,
      documents: 2,
      document_ids: [DOCUMENT, OTHER],
    })
    expect(found.groups[0]?.failed).toContainEqual({ requirement: 'list of subprocessors read', found: 'unknown' })
  })

  test('that were refused are allowed now where it allows them', () => {
    expect(replayed(open, [CALL, REFUSED])).toMatchObject({
      still_allowed: 1,
      now_allowed: 1,
      groups: [{ change: 'now_allowed', processor: 'openai', rule: 'anything-that-the-register-holds', failed: [] }],
    })
    expect(replayed(operated, [CALL, REFUSED])).toMatchObject({ still_allowed: 1, still_refused: 1, groups: [] })
  })

  test('of several documents are refused for the one that is, whatever the others are', () => {
    const special = { ...personal, readings: [['special']] } as const
    expect(replayed(operated, [{ ...CALL, subjects: [personal, special] }])).toMatchObject({
      now_refused: 1,
      groups: [{ rule: 'special-and-criminal-stay-inside' }],
    })
  })

  test('need every address that might have taken them', () => {
    const recipient = { ...CALL.recipient, endpoints: ['https://api.eu.mistral.ai', 'https://proxy.example'] }
    expect(replayed(open, [{ ...CALL, recipient }]).now_refused).toBe(1)
  })

  test('are refused by a register that no longer holds their processor', () => {
    const without = { ...register, processors: register.processors.filter(({ key }) => key !== 'mistral') }
    expect(replayed(open, [CALL], '2026-11-26', without)).toMatchObject({
      now_refused: 1,
      groups: [{ rule: null, failed: [{ requirement: 'processor in the register', found: 'no entry mistral' }] }],
    })
  })

  test('are judged today, or on their own day, when the evidence was fresh', () => {
    const fresh = Policy.parse({
      name: 'fresh',
      version: 1,
      rules: [{ name: 'read-lately', require: { region_in: ['eu'], evidence_days_max: 30 }, allow: true }],
    })
    expect(replayed(fresh, [CALL], '2027-03-01').now_refused).toBe(1)
    expect(replayed(fresh, [CALL], null).still_allowed).toBe(1)
  })
})

describe('what the record does not tell', () => {
  const either = { ...personal, readings: [['none'], ['personal']] } as const
  const onlyAboutNobody = Policy.parse({
    name: 'nobody',
    version: 1,
    rules: [{ name: 'about-nobody', when: { data_classes: ['none'] }, allow: true }],
  })

  test('is judged where both readings come to the same, and is unknown where they do not', () => {
    expect(replayed(open, [{ ...CALL, subjects: [either] }]).still_allowed).toBe(1)
    expect(replayed(strict, [{ ...CALL, subjects: [either] }]).now_refused).toBe(1)
    const found = replayed(onlyAboutNobody, [{ ...CALL, subjects: [either] }])
    expect(found).toMatchObject({ calls: 1, unknown: 1, still_allowed: 0, now_allowed: 0 })
    expect(found.unknown_because).toEqual([{ reason: expect.stringContaining('whether the data was personal'), calls: 1 }])
  })

  test('does not hide a refusal that does not depend on it', () => {
    expect(replayed(onlyAboutNobody, [{ ...CALL, subjects: [either, personal] }])).toMatchObject({ now_refused: 1, unknown: 0 })
  })

  test('never counts as allowed, and every call counts once', () => {
    const calls = [CALL, REFUSED, { unknown: 'a' }, { unknown: 'b' }, { unknown: 'a' }, { ...CALL, subjects: [] }]
    const found = replayed(open, calls)
    expect(found).toMatchObject({ calls: 6, unknown: 4, still_allowed: 1, now_allowed: 1 })
    expect(found.unknown_because[0]).toEqual({ reason: 'a', calls: 2 })
  })
})

test('groups are bounded, and their sums stay whole', () => {
  const calls = Array.from(
    { length: 2_000 },
    (_, at): PastCall => ({ ...CALL, recipient: { ...CALL.recipient, processor: 'mistral', endpoints: [`https://${at}.example`] } }),
  )
  const refusing = Array.from(
    { length: 700 },
    (_, at): PastCall => ({ ...CALL, recipient: { ...CALL.recipient, processor: `gone-${at}` } }),
  )
  const found = replayed(open, [...calls, ...refusing])
  expect(found.groups.reduce((sum, group) => sum + group.calls, 0)).toBe(2_700)
  expect(found.now_refused).toBe(2_700)
})
