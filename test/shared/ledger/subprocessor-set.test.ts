import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { subprocessorSetHash } from '../../../shared/ledger/subprocessor-set.ts'
import { ProcessorRegister } from '../../../shared/policy/register.ts'
import { loadRegister } from '../../../shared/runtime/policy-files.ts'

const { register: shipped } = loadRegister(new URL('../../../infra/processors.yaml', import.meta.url).pathname)
const CLAIM = { source: 'a test', read_on: '2026-11-22', confidence: 'verified' }
const DAY = '2026-11-22'
const ALWAYS = { from: null, to: null }
const KNOWN = { from: '2026-01-01', to: null }

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const NOBODY = sha256('[]')

type Subprocessor = { entity: string; country: string | null; valid?: object; known?: object; source?: string }

function register(list: Subprocessor[], read = true): ProcessorRegister {
  const processors = shipped.processors.map((entry) =>
    entry.key === 'mistral'
      ? { ...entry, subprocessors: { read, ...CLAIM, list: list.map((one) => ({ valid: ALWAYS, known: KNOWN, ...CLAIM, ...one })) } }
      : entry,
  )
  return ProcessorRegister.parse({ ...shipped, processors })
}

const hash = (list: Subprocessor[], day = DAY) => subprocessorSetHash(register(list), 'mistral', day)

test('the hash is SHA-256 over the canonical JSON of countries and entities, sorted, each once', () => {
  const text = '[{"country":"FR","entity":"Scaleway"},{"country":"US","entity":"Éclair \\"Inc\\""},{"country":null,"entity":"Anybody"}]'
  const list = [
    { entity: 'Éclair "Inc"', country: 'US' },
    { entity: 'Anybody', country: null },
    { entity: 'Scaleway', country: 'FR' },
  ]
  expect(hash(list)).toBe(sha256(text))
  expect(hash([...list.toReversed(), ...list])).toBe(sha256(text))
})

test('it stays while the register only says more of the same companies, and changes with a name or a country', () => {
  const one = { entity: 'Scaleway', country: 'FR' }
  const same = hash([one])
  expect(hash([{ ...one, source: 'another page' }])).toBe(same)
  expect(subprocessorSetHash(register([one], false), 'mistral', DAY)).toBe(same)
  for (const other of [
    { ...one, entity: 'Scaleway SAS' },
    { ...one, country: null },
  ])
    expect(hash([other])).not.toBe(same)
})

test('in it are those that were subprocessors on the day, as the register knew them on that day', () => {
  const one = { entity: 'Scaleway', country: 'FR' }
  const [listed, until] = [hash([one]), '2026-11-23']
  for (const time of ['valid', 'known']) {
    const of = (from: string | null, to: string | null, day = DAY) => hash([{ ...one, [time]: { from: from ?? '2020-01-01', to } }], day)
    expect([of(null, null), of(DAY, null), of(null, until)]).toEqual([listed, listed, listed])
    expect([of(until, null), of(null, DAY), of(null, until, until)]).toEqual([NOBODY, NOBODY, NOBODY])
  }
})

test('nobody has a hash of its own, also of a processor that the register does not hold', () => {
  expect(hash([])).toBe(NOBODY)
  expect(subprocessorSetHash(shipped, 'nobody', DAY)).toBe(NOBODY)
  expect(subprocessorSetHash(shipped, 'builtin', DAY)).toBe(NOBODY)
})

test('as many as a register takes, with the longest names, have one', () => {
  const list = Array.from({ length: 500 }, (_, at) => ({ entity: `${at}`.padStart(200, '\u0001'), country: 'FR' }))
  expect(hash(list)).toMatch(/^[0-9a-f]{64}$/)
})
