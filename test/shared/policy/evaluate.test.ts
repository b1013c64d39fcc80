import { describe, expect, test } from 'vitest'
import { DataClass, Sensitivity } from '../../../shared/contracts/document.ts'
import { evaluate, type PolicyRequest } from '../../../shared/policy/evaluate.ts'
import { Policy, PolicyTask, type Require, type Rule } from '../../../shared/policy/policy.ts'
import { type Recipient, recipientOf } from '../../../shared/policy/recipient.ts'
import { type Processor, reachOn } from '../../../shared/policy/register.ts'

const CASES = 2_000
const claim = { source: 'a test', read_on: '2026-11-22', confidence: 'verified' as const }
const ENDPOINT = { region: 'eu', base_url: 'https://model.example/v1', countries: ['FR'], ...claim }
const TENANT = '01890000-0000-7000-8000-000000000001'
const REQUEST: PolicyRequest = {
  data_classes: ['personal'],
  sensitivity: 'internal',
  purpose: 'document_processing',
  task: 'extract',
  tenant_id: TENANT,
  day: '2026-11-22',
}
const MEETABLE: Required<Require> = {
  deployment: ['hosted'],
  entity_country_in: ['EEA'],
  parent_country_in: ['EEA'],
  subprocessors_read: true,
  subprocessor_country_in: ['EEA', 'CH'],
  region_in: ['eu'],
  reach_in: ['none'],
  retention_days_max: 30,
  training_use: ['never'],
  evidence_days_max: 365,
}

const company = (country: string | null) => ({ entity: 'Other Corp', country, ...claim })
const subprocessor = (country: string | null, known = { from: '2026-01-01', to: null as string | null }) => ({
  ...company(country),
  valid: { from: null, to: null as string | null },
  known,
})

function processor(change: Partial<Processor> = {}): Processor {
  return {
    key: 'model',
    name: 'Model',
    operator_declares: false,
    legal_entity: { entity: 'Model SAS', country: 'FR', ...claim },
    parents: [],
    role: 'processor',
    deployment: 'hosted',
    endpoints: [ENDPOINT],
    subprocessors: { read: true, list: [], ...claim },
    dpa: { reference: null, ...claim },
    certifications: [],
    transfer: { mechanism: 'not_needed', ...claim },
    retention: { days: 30, ...claim },
    training: { use: 'never', ...claim },
    reach: { grade: 'none', reason: 'a test', ...claim },
    ...change,
  }
}

function recipient(change: Partial<Processor> = {}, endpoint: Recipient['endpoint'] = ENDPOINT): Recipient {
  return { key: 'model', processor: processor(change), endpoint }
}

function policy(...rules: Partial<Rule>[]): Policy {
  return {
    name: 'test',
    version: 1,
    rules: rules.map((rule, index) => ({ name: `rule-${index}`, when: {}, require: {}, mask: [], allow: true, ...rule })),
  }
}

const outcome = (rules: Policy, to: Recipient, request: Partial<PolicyRequest> = {}) => evaluate(rules, to, { ...REQUEST, ...request })

describe('requirements', () => {
  test('all met allow, and the decision names the rule', () => {
    expect(outcome(policy({ require: MEETABLE }), recipient())).toEqual({ outcome: 'allowed', rule: 'rule-0', failed: [], mask: [] })
  })

  test.each<[keyof Require, Recipient, string]>([
    ['deployment', recipient({ deployment: 'self_hosted' }), 'self_hosted'],
    ['entity_country_in', recipient({ legal_entity: { entity: 'Model Inc.', country: 'US', ...claim } }), 'US'],
    ['entity_country_in', recipient({ legal_entity: { entity: 'Model AG', country: 'CH', ...claim } }), 'CH'],
    ['parent_country_in', recipient({ parents: [company('FR'), company('US')] }), 'US'],
    ['subprocessors_read', recipient({ subprocessors: { read: false, list: [], ...claim } }), 'unknown'],
    ['subprocessor_country_in', recipient({ subprocessors: { read: true, list: [subprocessor('IN')], ...claim } }), 'IN'],
    ['evidence_days_max', recipient({ training: { use: 'never', ...claim, read_on: '2025-11-21' } }), 'read on 2025-11-21'],
    ['region_in', recipient({}, { ...ENDPOINT, region: 'us' }), 'us'],
    ['reach_in', recipient({ reach: { grade: 'direct', reason: 'r', ...claim } }), 'direct'],
    ['retention_days_max', recipient({ retention: { days: 31, ...claim } }), '31 days'],
    ['training_use', recipient({ training: { use: 'always', ...claim } }), 'always'],
  ])('%s not met refuses, and the decision says what was found', (_, to, found) => {
    const decision = outcome(policy({ require: MEETABLE }), to)
    expect(decision).toMatchObject({ outcome: 'refused', rule: 'rule-0', failed: [{ found }] })
    expect(decision.failed).toHaveLength(1)
  })

  test.each<[keyof Require, Recipient]>([
    ['deployment', recipient({ deployment: 'unknown' })],
    ['entity_country_in', recipient({ legal_entity: { entity: '?', country: null, ...claim } })],
    ['parent_country_in', recipient({ parents: [company(null)] })],
    ['subprocessor_country_in', recipient({ subprocessors: { read: false, list: [], ...claim } })],
    ['subprocessor_country_in', recipient({ subprocessors: { read: true, list: [subprocessor(null)], ...claim } })],
    ['region_in', recipient({}, null)],
    ['reach_in', recipient({ reach: { grade: 'unknown', reason: 'r', ...claim } })],
    ['retention_days_max', recipient({ retention: { days: null, ...claim } })],
    ['training_use', recipient({ training: { use: 'unknown', ...claim } })],
  ])('an unknown fact never meets %s', (requirement, to) => {
    const rules = policy({ require: { [requirement]: MEETABLE[requirement] } })
    expect(outcome(rules, to)).toMatchObject({ outcome: 'refused', failed: [{ found: 'unknown' }] })
    expect(outcome(rules, recipient())).toMatchObject({ outcome: 'allowed' })
  })

  test('an unknown reach is accepted only where the policy lists it', () => {
    const unread = recipient({ reach: { grade: 'unknown', reason: 'r', ...claim } })
    expect(outcome(policy({ require: { reach_in: ['none', 'unknown'] } }), unread).outcome).toBe('allowed')
  })

  test('a subprocessor under US law is reach by a subprocessor, whatever the register says of reach; one that came later or was let go is not', () => {
    const rules = policy({ require: { reach_in: ['none'] } })
    const through = (...list: ReturnType<typeof subprocessor>[]) => recipient({ subprocessors: { read: true, list, ...claim } })
    expect(outcome(rules, through(subprocessor('US')))).toMatchObject({ outcome: 'refused', failed: [{ found: 'via_subprocessor' }] })
    expect(outcome(rules, through(subprocessor('US', { from: '2026-12-01', to: null }))).outcome).toBe('allowed')
    expect(outcome(rules, through({ ...subprocessor('US'), valid: { from: null, to: '2026-06-01' } })).outcome).toBe('allowed')
    expect(outcome(policy({ require: { reach_in: ['none', 'via_subprocessor'] } }), through(subprocessor('US'))).outcome).toBe('allowed')
  })

  test('evidence grows too old for what the rule asks, and for nothing else', () => {
    const old = recipient({ training: { use: 'never', ...claim, read_on: '2020-01-01' } })
    expect(outcome(policy({ require: { region_in: ['eu'], evidence_days_max: 30 } }), old).outcome).toBe('allowed')
    const rules = policy({ require: { region_in: ['eu'], evidence_days_max: 30 } })
    expect(outcome(rules, recipient(), { day: '2026-12-22' }).outcome).toBe('allowed')
    expect(outcome(rules, recipient(), { day: '2026-12-23' })).toMatchObject({
      outcome: 'refused',
      failed: [{ found: 'read on 2026-11-22' }],
    })
  })

  test('a region called unknown can not be asked for', () => {
    expect(outcome(policy({ require: { region_in: ['unknown'] } }), recipient({}, null)).outcome).toBe('refused')
  })

  test('of a processor in this process only the deployment is asked', () => {
    const inside = recipient({ deployment: 'in_process', legal_entity: { entity: 'us', country: null, ...claim } }, null)
    expect(outcome(policy({ require: { entity_country_in: ['EEA'], region_in: ['eu'], retention_days_max: 0 } }), inside).outcome).toBe(
      'allowed',
    )
    expect(outcome(policy({ require: { deployment: ['self_hosted'] } }), inside).outcome).toBe('refused')
  })
})

test('a rule for some tenants speaks of no other', () => {
  const rules = policy({ when: { tenants: [TENANT] } })
  expect(outcome(rules, recipient()).outcome).toBe('allowed')
  expect(outcome(rules, recipient(), { tenant_id: TENANT.replace('1', '2') })).toMatchObject({ outcome: 'refused', rule: null })
})

describe('rules', () => {
  test('the first that fits decides, also against a later one', () => {
    const rules = policy({ when: { purposes: ['payroll'] }, allow: false }, {})
    expect(outcome(rules, recipient(), { purpose: 'payroll' })).toEqual({ outcome: 'refused', rule: 'rule-0', failed: [], mask: [] })
    expect(outcome(rules, recipient())).toMatchObject({ outcome: 'allowed', rule: 'rule-1' })
  })

  test('none that fits refuses', () => {
    expect(outcome(policy({ when: { tasks: ['embed'] } }), recipient())).toMatchObject({ outcome: 'refused', rule: null })
    expect(outcome(policy(), recipient())).toMatchObject({ outcome: 'refused', rule: null })
  })

  test.each<[string, Partial<PolicyRequest>]>([
    ['special data', { data_classes: ['special'] }],
    ['criminal data', { data_classes: ['criminal'] }],
    ['a document marked special by its sensitivity', { sensitivity: 'special' }],
  ])('one that names no class never lets %s through', (_, request) => {
    expect(outcome(policy({}), recipient(), request)).toMatchObject({ outcome: 'refused', rule: null })
  })

  test('a document of several classes is treated as its strictest', () => {
    const rules = policy(
      { when: { data_classes: ['special'] }, require: { deployment: ['self_hosted'] } },
      { when: { data_classes: ['none', 'personal'] } },
    )
    expect(outcome(rules, recipient(), { data_classes: ['personal', 'special'] })).toMatchObject({ outcome: 'refused', rule: 'rule-0' })
    expect(outcome(rules, recipient({ deployment: 'self_hosted' }), { data_classes: ['personal', 'special'] })).toMatchObject({
      rule: 'rule-0',
    })
  })

  test('special and criminal data need the permission of both', () => {
    const rules = policy({ when: { data_classes: ['special'] } })
    expect(outcome(rules, recipient(), { data_classes: ['special', 'criminal'] })).toMatchObject({ outcome: 'refused', rule: null })
  })

  test('a document without a class is refused', () => {
    expect(outcome(policy({}), recipient(), { data_classes: [] }).outcome).toBe('refused')
  })
})

describe(`over ${CASES} generated policies`, () => {
  test('adding a requirement never allows more', () => {
    let added = 0
    for (const { rules, to, request, random } of cases()) {
      const index = random(rules.rules.length)
      const rule = rules.rules[index]
      if (!rule?.allow) continue
      const more = { ...someRequire(random), ...rule.require }
      const stricter = { ...rules, rules: rules.rules.with(index, { ...rule, require: more }) }
      if (evaluate(rules, to, request).outcome === 'refused') expect(evaluate(stricter, to, request).outcome).toBe('refused')
      else added += 1
    }
    expect(added).toBeGreaterThan(CASES / 50)
  })

  test('taking rules from the end, or the only one that fits, never allows more', () => {
    let refused = 0
    for (const { rules, to, request, random } of cases()) {
      const before = evaluate(rules, to, request)
      const shorter = { ...rules, rules: rules.rules.slice(0, random(rules.rules.length + 1)) }
      const without = { ...rules, rules: rules.rules.filter((rule) => rule.name !== before.rule) }
      const after = evaluate(without, to, request)
      if (before.outcome === 'refused') {
        refused += 1
        expect(evaluate(shorter, to, request).outcome).toBe('refused')
      }
      if (after.outcome === 'allowed') expect(after.rule).not.toBe(before.rule)
      if (after.rule === null) expect(after.outcome).toBe('refused')
    }
    expect(refused).toBeGreaterThan(CASES / 10)
  })

  test('without the rules that name them, special and criminal data are always refused', () => {
    for (const { rules, to, request } of cases()) {
      const unnamed = rules.rules.filter((rule) => !rule.when.data_classes?.some((name) => name === 'special' || name === 'criminal'))
      for (const name of ['special', 'criminal'] as const) {
        const asked = { ...request, data_classes: [...request.data_classes, name] }
        expect(evaluate({ ...rules, rules: unnamed }, to, asked).outcome).toBe('refused')
      }
    }
  })

  test('adding a class to a document never allows more', () => {
    for (const { rules, to, request } of cases()) {
      if (evaluate(rules, to, request).outcome === 'allowed') continue
      for (const more of ['personal', 'special', 'criminal'] as const) {
        const wider = { ...request, data_classes: [...request.data_classes, more] }
        if (request.data_classes.includes('none')) continue
        expect(evaluate(rules, to, wider).outcome).toBe('refused')
      }
    }
  })

  test('a processor taken out of the register fails closed at the next call, and the decision says so', () => {
    let allowed = 0
    for (const { rules, to, request, random } of cases()) {
      const register = {
        version: 1 as const,
        notice: 'for tests',
        processors: [{ ...processor({ key: 'other' }) }, { ...to.processor, key: 'model' } as Processor],
      }
      const target = { processor: 'model', endpoint: pick(random, ['https://model.example', 'in-process']), region: 'eu' }
      if (evaluate(rules, recipientOf(register, target, {}), request).outcome === 'allowed') allowed += 1
      const without = { ...register, processors: register.processors.filter(({ key }) => key !== 'model') }
      expect(evaluate(rules, recipientOf(without, target, {}), request)).toEqual({
        outcome: 'refused',
        rule: null,
        failed: [{ requirement: 'processor in the register', found: 'no entry model' }],
        mask: [],
      })
    }
    expect(allowed).toBeGreaterThan(CASES / 50)
  })

  test('a refusal names the rule and every requirement that is not met, and no other', () => {
    let refused = 0
    for (const { rules, to, request } of cases()) {
      const decision = evaluate(rules, to, request)
      if (decision.outcome === 'allowed') expect(decision.failed).toEqual([])
      const rule = rules.rules.find(({ name }) => name === decision.rule)
      if (decision.outcome === 'allowed' || !rule?.allow) continue
      refused += 1
      // Each requirement asked alone, with the age of evidence that it brings with it. An endpoint is asked of everybody.
      const { evidence_days_max, ...others } = rule.require
      const age = evidence_days_max === undefined ? {} : { evidence_days_max }
      const alone = Object.entries(others).map(([name, value]) => ({ [name]: value, ...age }))
      const when = { data_classes: [...DataClass.options] }
      const expected = [...alone, {}].flatMap((require) => evaluate(policy({ when, require }), to, request).failed)
      const text = (list: typeof expected) => [...new Set(list.map((one) => JSON.stringify(one)))].sort()
      expect(text(decision.failed)).toEqual(text(expected))
      expect(decision.failed.length).toBeGreaterThan(0)
    }
    expect(refused).toBeGreaterThan(CASES / 10)
  })

  test('a subprocessor under US law never allows more, and is reach by a subprocessor where there was none', () => {
    let reached = 0
    for (const { rules, to, request } of cases()) {
      if (!to.processor) continue
      const { subprocessors } = to.processor
      const through: Processor = { ...to.processor, subprocessors: { ...subprocessors, list: [...subprocessors.list, subprocessor('US')] } }
      const before = evaluate(rules, to, request)
      const after = evaluate(rules, { ...to, processor: through }, request)
      expect(reachOn(through, request.day)).toBe(to.processor.reach.grade === 'none' ? 'via_subprocessor' : to.processor.reach.grade)
      if (before.outcome === 'allowed' && after.failed.some(({ found }) => found === 'via_subprocessor')) reached += 1
      // A rule may accept the reach of a subprocessor and not its absence; such a rule is the only way to more.
      const acceptsOnlyReach = rules.rules.some(({ require }) => require.reach_in && !require.reach_in.includes('none'))
      if (before.outcome === 'refused' && !acceptsOnlyReach) expect(after.outcome).toBe('refused')
    }
    expect(reached).toBeGreaterThan(0)
  })

  test('a fact that nobody knows never meets what asks for it, and forgetting one never allows more', () => {
    for (const { rules, to, request, random } of cases()) {
      if (!to.processor) continue
      const [name, forgotten] = pick(random, Object.entries(unknowns(to.processor)))
      const ignorant = { ...to, processor: { ...to.processor, ...forgotten } }
      const accepting = rules.rules.some(({ require }) => require.reach_in?.includes('unknown'))
      // A processor in this process is asked for nothing but that; to doubt it is to ask for everything.
      if (evaluate(rules, to, request).outcome === 'refused' && !(name === 'reach' && accepting))
        expect([name, evaluate(rules, ignorant, request).outcome]).toEqual([name, 'refused'])
    }
  })

  test('evidence that is older than a rule accepts never meets it, and growing old never allows more', () => {
    let aged = 0
    for (const { rules, to, request } of cases()) {
      const now = evaluate(rules, to, request)
      const later = evaluate(rules, to, { ...request, day: '2030-01-01' })
      if (now.outcome === 'refused') expect(later.outcome).toBe('refused')
      const rule = rules.rules.find(({ name }) => name === later.rule)
      if (later.outcome === 'refused' || rule?.require.evidence_days_max === undefined || to.processor?.deployment === 'in_process')
        continue
      aged += 1
      // What is left is a rule that asks for no fact whose age would count.
      const { evidence_days_max: _, deployment: __, retention_days_max: ___, ...asked } = rule.require
      expect(Object.keys(asked)).toEqual([])
    }
    expect(aged).toBeGreaterThan(0)
  })

  test('a decision is the same twice and fits the policy schema that made it', () => {
    for (const { rules, to, request } of cases()) {
      expect(evaluate(Policy.parse(structuredClone(rules)), to, request)).toEqual(evaluate(rules, to, request))
    }
  })
})

type Random = (below: number) => number

/** Mulberry32: the same cases in every run, so that a failure can be repeated. */
function seeded(seed: number): Random {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

function* cases(): Generator<{ rules: Policy; to: Recipient; request: PolicyRequest; random: Random }> {
  for (let seed = 1; seed <= CASES; seed += 1) {
    const random = seeded(seed)
    const rules = policy(...Array.from({ length: 1 + random(4) }, () => someRule(random)))
    yield { rules, to: someRecipient(random), request: someRequest(random), random }
  }
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random(list.length)] as T
}

function some<T>(random: Random, list: readonly T[]): T[] {
  const chosen = list.filter(() => random(2) === 0)
  return chosen.length > 0 ? chosen : [pick(random, list)]
}

function someRule(random: Random): Partial<Rule> {
  const allow = random(5) > 0
  return {
    when: {
      ...(random(2) === 0 && { data_classes: some(random, DataClass.options) }),
      ...(random(4) === 0 && { sensitivity: some(random, Sensitivity.options) }),
      ...(random(4) === 0 && { purposes: some(random, ['payroll', 'document_processing']) }),
      ...(random(4) === 0 && { tasks: some(random, PolicyTask.options) }),
    },
    require: allow && random(3) > 0 ? someRequire(random) : {},
    allow,
  }
}

function someRequire(random: Random): Require {
  return {
    ...(random(4) === 0 && { deployment: some(random, ['in_process', 'self_hosted', 'hosted'] as const) }),
    ...(random(4) === 0 && { entity_country_in: some(random, ['EEA', 'US', 'CH']) }),
    ...(random(6) === 0 && { parent_country_in: some(random, ['EEA', 'US']) }),
    ...(random(6) === 0 && { subprocessors_read: true as const }),
    ...(random(6) === 0 && { subprocessor_country_in: some(random, ['EEA', 'US']) }),
    ...(random(6) === 0 && { evidence_days_max: random(400) }),
    ...(random(4) === 0 && { region_in: some(random, ['eu', 'us']) }),
    ...(random(4) === 0 && { reach_in: some(random, ['none', 'via_subprocessor', 'unknown'] as const) }),
    ...(random(4) === 0 && { retention_days_max: random(40) }),
    ...(random(4) === 0 && { training_use: some(random, ['never', 'unless_opted_out'] as const) }),
  }
}

function someRecipient(random: Random): Recipient {
  return recipient(
    {
      deployment: pick(random, ['in_process', 'self_hosted', 'hosted', 'hosted', 'unknown'] as const),
      legal_entity: { entity: 'e', country: pick(random, ['FR', 'US', 'CH', null]), ...claim },
      parents: pick(random, [[], [company('US')], [company(null)]]),
      subprocessors: { read: random(2) === 0, list: pick(random, [[], [subprocessor('US')], [subprocessor('FR')]]), ...claim },
      reach: { grade: pick(random, ['none', 'via_subprocessor', 'direct', 'unknown'] as const), reason: 'r', ...claim },
      retention: { days: pick(random, [0, 30, null]), ...claim },
      training: { use: pick(random, ['never', 'unless_opted_out', 'unknown'] as const), ...claim },
    },
    pick(random, [ENDPOINT, { ...ENDPOINT, region: 'us' }, null]),
  )
}

/** For each fact an entry that does not know it. */
function unknowns({ legal_entity, parents, subprocessors, retention, training, reach }: Processor): Record<string, Partial<Processor>> {
  return {
    deployment: { deployment: 'unknown' },
    entity: { legal_entity: { ...legal_entity, country: null } },
    parents: { parents: parents.map((parent) => ({ ...parent, country: null })) },
    subprocessors: { subprocessors: { ...subprocessors, read: false } },
    retention: { retention: { ...retention, days: null } },
    training: { training: { ...training, use: 'unknown' } },
    reach: { reach: { ...reach, grade: 'unknown' } },
  }
}

function someRequest(random: Random): PolicyRequest {
  return {
    data_classes: some(random, DataClass.options),
    sensitivity: pick(random, Sensitivity.options),
    purpose: pick(random, ['payroll', 'document_processing']),
    task: pick(random, PolicyTask.options),
    tenant_id: TENANT,
    day: pick(random, ['2026-11-22', '2027-06-01']),
  }
}
