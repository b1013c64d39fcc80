import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DataClass } from '../../../shared/contracts/document.ts'
import { explain, type Rules } from '../../../shared/policy/explain.ts'
import { Policy, PolicyTask } from '../../../shared/policy/policy.ts'
import type { Declaration } from '../../../shared/policy/recipient.ts'
import { type Processor, ProcessorRegister } from '../../../shared/policy/register.ts'
import { lastTurn, turningDays } from '../../../shared/policy/turning-days.ts'
import { loadPolicy, loadRegister } from '../../../shared/runtime/policy-files.ts'

const INFRA = resolve(import.meta.dirname, '../../../infra')
const TENANT = '01890000-0000-7000-8000-000000000001'
const read = (read_on: string) => ({ source: 'a test', read_on, confidence: 'verified' as const })
const SUBPROCESSOR = { entity: 'Helper Corp', country: 'US', ...read('2026-03-01') }

/** Every fact was read on another day. */
const MODEL: Processor = {
  key: 'model',
  name: 'Model',
  operator_declares: false,
  legal_entity: { entity: 'Model SAS', country: 'FR', ...read('2026-01-05') },
  parents: [{ entity: 'Model Holding', country: 'FR', ...read('2026-01-20') }],
  role: 'processor',
  deployment: 'hosted',
  endpoints: [{ region: 'eu', base_url: 'https://model.example/v1', countries: ['FR'], ...read('2026-02-10') }],
  subprocessors: {
    read: true,
    list: [
      { ...SUBPROCESSOR, valid: { from: '2026-04-01', to: '2026-05-01' }, known: { from: '2026-04-11', to: null } },
      { ...SUBPROCESSOR, valid: { from: null, to: '2026-08-01' }, known: { from: '2026-06-15', to: '2026-07-03' } },
    ],
    ...read('2026-02-15'),
  },
  dpa: { reference: null, ...read('2026-01-01') },
  certifications: [],
  transfer: { mechanism: 'not_needed', ...read('2026-01-01') },
  retention: { days: 0, ...read('2026-02-20') },
  training: { use: 'never', ...read('2026-02-25') },
  reach: { grade: 'none', reason: 'a test', ...read('2026-02-28') },
}
const RULE = {
  require: {
    entity_country_in: ['FR'],
    parent_country_in: ['FR'],
    subprocessors_read: true,
    region_in: ['eu'],
    reach_in: ['none'],
    retention_days_max: 0,
    training_use: ['never'],
  },
  allow: true,
}

function rules(policyRules: unknown[], declarations: Record<string, Declaration> = {}, processor = MODEL): Rules {
  return {
    policy: Policy.parse({ name: 'test', version: 1, rules: policyRules }),
    register: ProcessorRegister.parse({ version: 1, notice: 'a test', processors: [processor] }),
    declarations,
    targets: targetsAt({ processor: 'model', endpoint: 'https://model.example', region: 'eu' }),
  }
}

function targetsAt(target: { processor: string; endpoint: string; region: string }): Rules['targets'] {
  const entries = PolicyTask.options.map((task) => [task, [{ ...target, model: 'm' }]])
  return Object.fromEntries(entries) as Rules['targets']
}

const DECLARED: Declaration = { deployment: 'self_hosted', entity: 'We', country: 'FR', declared_on: '2026-03-10' }

describe('a decision changes on a turning day alone', () => {
  test.each<[string, Rules]>([
    ['where subprocessors come and go', rules([{ name: 'now', ...RULE }])],
    ['where each fact ages', rules([{ name: 'fresh', ...RULE, require: { ...RULE.require, evidence_days_max: 60 } }])],
    [
      'where two rules take evidence of different ages',
      rules([
        { name: 'personal', ...RULE, when: { data_classes: ['personal'] }, require: { region_in: ['eu'], evidence_days_max: 30 } },
        { name: 'others', ...RULE, when: { data_classes: ['none'] }, require: { region_in: ['eu'], evidence_days_max: 90 } },
      ]),
    ],
    [
      'where the operator declared something',
      rules(
        [{ name: 'fresh', require: { entity_country_in: ['FR'], evidence_days_max: 45 }, allow: true }],
        { model: DECLARED },
        {
          ...MODEL,
          operator_declares: true,
          endpoints: [],
        },
      ),
    ],
    [
      'in the policy and register that ship',
      {
        ...loadPolicy(join(INFRA, 'policies/eu-strict.yaml')),
        ...loadRegister(join(INFRA, 'processors.yaml')),
        declarations: {},
        targets: targetsAt({ processor: 'mistral', endpoint: 'https://api.eu.mistral.ai', region: 'eu' }),
      },
    ],
  ])('%s', (_where, given) => {
    const turns = new Set(turningDays(given))
    const changes: string[] = []
    let before = decisionsOn(given, '2025-12-31')
    for (const day of daysFrom('2026-01-01', 730)) {
      const decided = decisionsOn(given, day)
      if (decided !== before) changes.push(day)
      before = decided
    }
    expect(changes.length).toBeGreaterThan(0)
    expect(changes.filter((day) => !turns.has(day))).toEqual([])
  })
})

test('what was read on a day is too old for a rule on the first day after its age', () => {
  const days = turningDays(rules([{ name: 'fresh', require: { region_in: ['eu'], evidence_days_max: 60 }, allow: true }]))
  expect(days).toContain('2026-04-12')
  expect(days).toEqual(days.toSorted())
})

test('an age that no calendar holds turns nothing', () => {
  const rule = (evidence_days_max: number) => rules([{ name: 'old', require: { region_in: ['eu'], evidence_days_max }, allow: true }])
  expect(turningDays(rule(Number.MAX_SAFE_INTEGER))).toEqual(turningDays(rules([])))
})

test('the last turn is the one that has come, from its own day on', () => {
  const days = ['2026-04-01', '2026-05-01']
  const asked = ['2026-03-31', '2026-04-01', '2026-04-30', '2026-05-01', '2030-01-01']
  expect(asked.map((day) => lastTurn(days, day))).toEqual([null, '2026-04-01', '2026-04-01', '2026-05-01', '2026-05-01'])
})

/** What every kind of data meets at every task, without the age of evidence that a refusal tells. */
function decisionsOn(given: Rules, day: string): string {
  return JSON.stringify(
    PolicyTask.options.flatMap((task) =>
      DataClass.options.map((dataClass) => {
        const request = { data_classes: [dataClass], sensitivity: 'internal' as const, purpose: 'test', task, tenant_id: TENANT, day }
        return explain(given, request).providers.filter(({ configured }) => configured)
      }),
    ),
  )
}

function daysFrom(first: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => new Date(Date.parse(first) + at * 86_400_000).toISOString().slice(0, 10))
}
