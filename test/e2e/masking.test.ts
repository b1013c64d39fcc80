import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TRAINED_ALGORITHMIC_MEDIA } from '../../shared/contracts/ai-mark.ts'
import type { Answer } from '../../shared/contracts/retrieval.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { type ModelDouble, startModelDouble } from '../support/model-double.ts'
import { providerConfig, registerWith } from '../support/provider-config.ts'
import { startRecogniserDouble } from '../support/recogniser-double.ts'

const IBAN = 'DE89 3704 0044 0532 0130 00'
const PHONE = '+49 30 123456'
const EMAIL = 'anna.schmidt@foxglove.example'
const TEXT = `Letter of Anna Schmidt\nPlease pay to IBAN ${IBAN}.\nCall ${PHONE} or write to ${EMAIL}.\n`

/** Personal data goes out masked, special data only where its names are masked too. */
const POLICY = `
name: masked
version: 1
rules:
  - name: special-masked
    when: { data_classes: [special] }
    mask: [iban, phone, email, name]
    allow: true
  - name: personal-masked
    when: { data_classes: [personal, none] }
    mask: [iban, phone, email]
    allow: true
`

let double: ModelDouble
let greffier: Greffier
let policy: string
beforeAll(async () => {
  double = await startModelDouble()
  double.answerWith(({ schemaName, user }) => {
    if (schemaName !== 'extraction') return undefined
    const quote = /Please pay to IBAN .*?\./.exec(user)?.[0] ?? ''
    const iban = /\[IBAN_1\]/.exec(quote)?.[0] ?? 'not masked'
    return Object.assign(minimal(LETTER_LEAVES), { iban: { value: iban, quote, page: '1' } })
  })
  policy = join(mkdtempSync(join(tmpdir(), 'greffier-masking-')), 'policy.yaml')
  writeFileSync(policy, POLICY)
  greffier = await startGreffier({ ...providerConfig(double.baseUrl), PROCESSORS_FILE: registerWith(double.baseUrl), POLICY_FILE: policy })
})
afterAll(async () => {
  await greffier.close()
  expect(double.refusals).toEqual([])
  await double.close()
})

const LETTER_LEAVES = 'title document_date party_1 party_2 reference email phone iban vat_id amount deadline'.split(' ')
const minimal = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, null]))
const sent = () => JSON.stringify(double.requests.map(({ body }) => body))

test('what the rule names never reaches the provider, comes back in fields with their evidence, and is counted on record', async () => {
  const { document_id } = await greffier.upload(TEXT, { file_name: 'letter.txt' })
  const document = await greffier.settled(document_id)
  expect(document).toMatchObject({
    status: 'completed',
    fields: {
      iban: { value: IBAN.replaceAll(' ', ''), status: 'verified', evidence: [{ page: 1, quote: `Please pay to IBAN ${IBAN}.` }] },
    },
  })
  expect(sent()).toContain('Letter of Anna Schmidt')
  for (const secret of [IBAN, IBAN.replaceAll(' ', ''), PHONE, EMAIL]) expect(sent()).not.toContain(secret)

  const calls = (await greffier.record(document_id)).filter((event) => event.recipient?.processor === 'mistral')
  const completed = calls.filter(({ phase }) => phase === 'completed')
  expect(completed.map((event) => event.model?.task)).toEqual(['classify', 'extract', 'embed'])
  for (const { policy: decided, minimisation } of completed) {
    expect(decided?.rule).toBe('personal-masked')
    expect(minimisation).toEqual({
      before: { iban: 1, phone: 1, email: 1 },
      after: { iban: 0, phone: 0, email: 0 },
      method: 'placeholders',
      recogniser: null,
    })
  }
  expect(JSON.stringify(await greffier.record(document_id))).not.toMatch(/DE89|0532 ?0130|foxglove/)
})

test('a question is masked with its passages, and the answer quotes what the page says', async () => {
  const { document_id } = await greffier.upload(`The lighthouse keeper is reached at ${PHONE}.\n`, { file_name: 'keeper.txt' })
  await greffier.settled(document_id)
  const answer = await greffier.json<Answer>('/v1/answers', {
    question: `Who is reached at ${PHONE}, the lighthouse keeper?`,
    document_ids: [document_id],
  })
  expect(answer).toMatchObject({ abstained: false, ai: { generated: true, mark: TRAINED_ALGORITHMIC_MEDIA, processor: 'mistral' } })
  expect(answer.answer).toContain(PHONE)
  expect(answer.citations[0]?.quote).toContain(PHONE)
  expect(sent()).not.toContain(PHONE)
})

test('what the provider says of its limits stands in the metrics', async () => {
  double.answerHeaders({ 'x-ratelimit-remaining-tokens-minute': '4711' })
  const { document_id } = await greffier.upload('A short letter about lighthouses.\n', { file_name: 'short.txt' })
  await greffier.settled(document_id)
  const metrics = await (await greffier.fetch('/metrics')).text()
  expect(metrics).toContain(`greffier_provider_remaining{endpoint="${double.origin}",of="tokens"} 4711`)
})

test('special data whose names nobody can mask goes nowhere, and the document is read inside', async () => {
  const before = double.requests.length
  const { document_id } = await greffier.upload('SPECIALMARK: Anna Schmidt is ill.\n', { file_name: 's.txt', data_classes: 'special' })
  expect((await greffier.settled(document_id)).status).toBe('completed')
  expect(double.requests.length).toBe(before)
  const events = await greffier.record(document_id)
  const refused = events.filter((event) => event.recipient?.processor === 'mistral' && event.phase === 'refused')
  expect(refused.length).toBeGreaterThan(0)
  expect(events.filter((event) => event.recipient?.processor === 'mistral' && event.phase === 'completed')).toEqual([])
})

test('with a recogniser of one’s own names are masked too, and special data goes out without them', async () => {
  const recogniser = await startRecogniserDouble({ 'Anna Schmidt': 'PERSON' })
  const system = await startGreffier({
    ...providerConfig(double.baseUrl),
    PROCESSORS_FILE: registerWith(double.baseUrl),
    POLICY_FILE: policy,
    RECOGNISER_URL: recogniser.baseUrl,
    SELF_HOSTED_ENTITY: 'Foxglove Ltd',
    SELF_HOSTED_COUNTRY: 'DE',
    SELF_HOSTED_DECLARED_ON: '2026-11-01',
  })
  const from = double.requests.length
  const { document_id } = await system.upload('NAMEMARK: Anna Schmidt is ill.\n', { file_name: 'n.txt', data_classes: 'special' })
  expect((await system.settled(document_id)).status).toBe('completed')
  const bodies = JSON.stringify(double.requests.slice(from).map(({ body }) => body))
  expect(bodies).toContain('NAMEMARK')
  expect(bodies).not.toContain('Anna Schmidt')

  const server = { endpoint: recogniser.baseUrl, entity: 'Foxglove Ltd' }
  const calls = (await system.record(document_id)).filter((event) => event.recipient?.processor === 'mistral')
  expect(calls.map(({ phase }) => phase)).toEqual(['intent', 'completed', 'intent', 'completed', 'intent', 'completed'])
  expect(calls.map(({ minimisation }) => minimisation?.recogniser)).toEqual(calls.map(() => server))
  expect(calls.flatMap(({ phase, minimisation }) => (phase === 'intent' ? [minimisation?.before] : []))).toEqual([{}, {}, {}])

  const { document_id: plain } = await system.upload(`Call ${PHONE}.\n`, { file_name: 'p.txt' })
  await system.settled(plain)
  const others = (await system.record(plain)).filter((event) => event.recipient?.processor === 'mistral')
  expect(others.map(({ minimisation }) => minimisation?.recogniser)).toEqual(others.map(() => null))
  await system.close()
  await recogniser.close()
})
