import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { evaluate, type PolicyRequest } from '../../../shared/policy/evaluate.ts'
import { Policy } from '../../../shared/policy/policy.ts'
import { recipientOf } from '../../../shared/policy/recipient.ts'
import { explainRefusal, type RefusedCall } from '../../../shared/policy/refusal.ts'
import { unmetSentence } from '../../../shared/policy/refusal-words.ts'
import { ProcessorRegister } from '../../../shared/policy/register.ts'
import { loadPolicy, loadRegister } from '../../../shared/runtime/policy-files.ts'

const INFRA = resolve(import.meta.dirname, '../../../infra')
const { register } = loadRegister(join(INFRA, 'processors.yaml'))
const shipped = loadPolicy(join(INFRA, 'policies/eu-operated.yaml'))
const REQUEST: PolicyRequest = {
  data_classes: ['special'],
  sensitivity: 'internal',
  purpose: 'document_processing',
  task: 'extract',
  tenant_id: '00000000-0000-0000-0000-000000000000',
  day: '2026-11-24',
}
const TARGET = { processor: 'mistral', endpoint: 'https://api.eu.mistral.ai', region: 'eu' }

/** A call as the gateway records it when it is refused. */
function refusedCall(
  policy: Policy,
  hash: string,
  {
    request = REQUEST,
    target = TARGET,
    from = register,
  }: { request?: PolicyRequest; target?: typeof TARGET; from?: ProcessorRegister } = {},
): RefusedCall {
  const { outcome, rule, failed } = evaluate(policy, recipientOf(from, target, {}), request)
  return {
    step: 'enrich',
    recipient: { ...target, register_hash: 'register', subprocessor_set_hash: null },
    policy: { hash, rule, outcome, failed },
    model: {
      task: request.task,
      requested: 'model',
      returned: null,
      language_model: true,
      tokens_in: null,
      tokens_cached: null,
      tokens_out: null,
      provider_request_id: null,
      schema_hash: null,
      prompt_hmac: null,
      cost: null,
    },
    special: request.data_classes.includes('special'),
    criminal: request.data_classes.includes('criminal'),
  }
}

function policyOf(require: object, data = ['personal']): Policy {
  return Policy.parse({ name: 'ours', version: 1, rules: [{ name: 'the-rule', when: { data_classes: data }, require, allow: true }] })
}

test('a refusal under the shipped policy says what it lets happen to the data, whom it refused and for what, in sentences', () => {
  const refusal = explainRefusal([refusedCall(shipped.policy, shipped.policyHash)], { register, ...shipped }, 'enrich')
  expect(refusal).toEqual({
    stage: 'enrich',
    task: 'extract',
    policy: { name: 'eu-operated', hash: shipped.policyHash },
    sentences: [
      'The policy eu-operated (rule special-and-criminal-stay-inside) lets special-category data (GDPR Art. 9) go only to a processor that is ' +
        'part of this installation (in_process) or run on servers of the organisation itself (self_hosted), whose contracting company is in the EEA ' +
        'and which takes the call in the region eu.',
      'Mistral AI (La Plateforme) was refused because: it must be part of this installation (in_process) or run on servers of the organisation ' +
        'itself (self_hosted), but it is run by somebody else (hosted).',
      'No other provider may be asked, so the call to read its fields was not made.',
    ],
  })
})

test('each processor that was asked has its own sentence, once, by what it was refused for last', () => {
  const calls = [
    refusedCall(shipped.policy, 'older'),
    refusedCall(shipped.policy, shipped.policyHash),
    refusedCall(shipped.policy, shipped.policyHash, { target: { ...TARGET, endpoint: 'https://elsewhere.example', processor: 'nobody' } }),
    refusedCall(shipped.policy, shipped.policyHash),
  ]
  const { sentences } = explainRefusal(calls, { register, ...shipped }, 'enrich')
  expect(sentences.filter((sentence) => sentence.startsWith('Mistral AI'))).toHaveLength(1)
  expect(sentences).toContain('nobody was refused because: the register of processors does not hold it.')
})

test('refusals of an earlier task or of another policy do not explain the last one', () => {
  const classify = refusedCall(shipped.policy, shipped.policyHash, { request: { ...REQUEST, task: 'classify' } })
  const earlier = refusedCall(policyOf({ region_in: ['moon'] }, ['special']), 'earlier')
  const { task, sentences } = explainRefusal(
    [classify, earlier, refusedCall(shipped.policy, shipped.policyHash)],
    { register, ...shipped },
    'enrich',
  )
  expect(task).toBe('extract')
  expect(sentences.join(' ')).not.toMatch(/moon|what kind of document/)
})

test('a policy that is no longer in force is not spoken of by the name and the rules of the one that is', () => {
  const earlier = refusedCall(policyOf({ region_in: ['moon'] }, ['special']), 'earlier')
  const { policy, sentences } = explainRefusal([earlier], { register, ...shipped }, 'enrich')
  expect(policy).toEqual({ name: null, hash: 'earlier' })
  expect(sentences[0]).toBe(
    'The policy that was in force then (rule the-rule) does not let special-category data (GDPR Art. 9) go to every processor.',
  )
  expect(sentences[1]).toContain('it must take the call in the region moon, but it does in eu')
})

describe('it says in words that', () => {
  const explain = (calls: RefusedCall[], policy: Policy) =>
    explainRefusal(calls, { register, policy, policyHash: 'now' }, 'enrich').sentences

  test('nobody is allowed by a rule that refuses', () => {
    const policy = Policy.parse({
      name: 'ours',
      version: 1,
      rules: [{ name: 'never', when: { data_classes: ['criminal'] }, allow: false }],
    })
    const call = refusedCall(policy, 'now', { request: { ...REQUEST, data_classes: ['criminal'] } })
    expect(explain([call], policy).slice(0, 2)).toEqual([
      'The policy ours (rule never) lets data about criminal offences (GDPR Art. 10) go to nobody.',
      'Mistral AI (La Plateforme) was refused, as everybody is by this rule.',
    ])
  })

  test('no rule speaks of the data', () => {
    const policy = policyOf({})
    expect(explain([refusedCall(policy, 'now')], policy).slice(0, 2)).toEqual([
      'The policy ours refuses what no rule of it allows.',
      'Mistral AI (La Plateforme) was refused because: no rule of the policy speaks of special data for this purpose and task.',
    ])
  })

  test('what was allowed only masked could not be masked', () => {
    const call = refusedCall(policyOf({}), 'now', { request: { ...REQUEST, data_classes: ['personal'] } })
    expect(explain([call], policyOf({}))[1]).toBe(
      'Mistral AI (La Plateforme) was allowed only with personal data masked, and this call cannot be masked.',
    )
  })

  test('there was nobody to be asked', () => {
    const none = explainRefusal([], { register, ...shipped }, 'enrich')
    expect(none).toMatchObject({ stage: 'enrich', task: null, policy: null })
    expect(none.sentences).toHaveLength(1)
  })
})

/** One requirement each, on an entry of which nothing is known but what would meet no requirement. */
const CLAIM = { source: 'a test', read_on: '2020-01-01', confidence: 'unverified' }
const unknowable = (known: object = {}) =>
  ProcessorRegister.parse({
    version: 1,
    notice: 'for tests',
    processors: [
      {
        key: 'mistral',
        name: 'Somebody',
        legal_entity: { entity: 'Somebody', country: null, ...CLAIM },
        parents: [{ entity: 'Parent, Inc.', country: 'US', ...CLAIM }],
        role: 'unknown',
        deployment: 'hosted',
        endpoints: [{ region: 'eu', base_url: 'https://api.eu.mistral.ai/v1', countries: [], ...CLAIM }],
        subprocessors: { read: false, list: [], ...CLAIM },
        dpa: { reference: null, ...CLAIM },
        certifications: [],
        transfer: { mechanism: 'unknown', ...CLAIM },
        retention: { days: null, ...CLAIM },
        training: { use: 'unknown', ...CLAIM },
        reach: { grade: 'unknown', reason: 'for tests', ...CLAIM },
        ...known,
      },
    ],
  })

test.each([
  [
    { deployment: ['self_hosted'] },
    {},
    /^it must be run on servers of the organisation itself \(self_hosted\), but it is run by somebody else/,
  ],
  [{ entity_country_in: ['EEA', 'CH'] }, {}, /^the contracting company must be in the EEA or CH, but it is not known$/],
  [{ parent_country_in: ['EEA'] }, {}, /^the owner Parent, Inc. must be in the EEA, but it is in US$/],
  [{ subprocessors_read: true }, {}, /^its list of subprocessors must have been read, and nobody has read it$/],
  [
    { subprocessor_country_in: ['EEA'] },
    {
      subprocessors: {
        read: true,
        list: [
          { entity: 'Cloud in Ohio', country: 'US', valid: { from: null, to: null }, known: { from: '2020-01-01', to: null }, ...CLAIM },
        ],
        ...CLAIM,
      },
    },
    /^the subprocessor Cloud in Ohio must be in the EEA, but it is in US$/,
  ],
  [
    { region_in: ['eu', 'ch'] },
    { endpoints: [{ region: 'us', base_url: 'https://api.eu.mistral.ai/v1', countries: [], ...CLAIM }] },
    /endpoint/,
  ],
  [{ reach_in: ['none'] }, {}, /^the reach of foreign law must be none, but it is not known$/],
  [{ retention_days_max: 0 }, {}, /^it may keep the data for at most 0 days, but it is not known$/],
  [
    { retention_days_max: 0 },
    { retention: { days: 30, ...CLAIM } },
    /^it may keep the data for at most 0 days, but it keeps it for 30 days$/,
  ],
  [{ training_use: ['never'] }, {}, /^its use of the data for training must be never, but it is not known$/],
  [
    { training_use: ['never'], evidence_days_max: 365 },
    { training: { use: 'never', ...CLAIM } },
    /^what is known of the use for training must be at most 365 days old, but it was read on 2020-01-01$/,
  ],
] as const)('the requirement %j that is not met is told in words', (require, known, expected) => {
  const request: PolicyRequest = { ...REQUEST, data_classes: ['personal'] }
  const call = refusedCall(policyOf(require), 'now', { request, from: unknowable(known) })
  const said = (call.policy?.failed ?? []).map(unmetSentence)
  expect(said).toHaveLength(1)
  expect(said[0]).toMatch(expected)
  expect(said[0]).not.toContain('is required, but found was')
})

test('a requirement in a form that nobody knows any more is still told', () => {
  expect(unmetSentence({ requirement: 'phase of the moon in full', found: 'new' })).toBe(
    'phase of the moon in full is required, but found was: new',
  )
})
