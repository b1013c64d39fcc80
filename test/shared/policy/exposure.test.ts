import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pathsTo, retentionOf, touches } from '../../../shared/policy/exposure.ts'
import { hoursLeft } from '../../../shared/policy/exposure-draft.ts'
import type { Processor, Subprocessor } from '../../../shared/policy/register.ts'

const DAY_MS = 86_400_000
const START = Date.parse('2026-01-01T00:00:00Z')
const CLAIM = { source: 'a test', read_on: '2026-01-01', confidence: 'verified' as const }
const RUNS = 2_000

const moment = fc.integer({ min: 0, max: 40 * 24 }).map((hours) => START + hours * 3_600_000)
const day = moment.map((time) => new Date(time).toISOString().slice(0, 10))
const span = fc.tuple(fc.option(day), fc.option(day)).map(([from, to]) => ({ from, to }))
const knownSpan = fc.tuple(day, fc.option(day)).map(([from, to]) => ({ from, to }))
const subprocessor: fc.Arbitrary<Subprocessor> = fc
  .tuple(span, knownSpan)
  .map(([valid, known]) => ({ entity: 'Cloud Ltd', country: 'US', ...CLAIM, valid, known }))
const ASKED = { keys: new Set<string>(), names: new Set(['cloud ltd']) }

function behind(list: Subprocessor[]) {
  return { key: 'p', processor: { subprocessors: { read: true, list, ...CLAIM } } as unknown as Processor, endpoint: null }
}

test('the exposure of two intervals that meet is the exposure of both as one, directly and through subprocessors', () => {
  const call = fc.record({ from: moment, days: fc.option(fc.integer({ min: 0, max: 30 })) })
  fc.assert(
    fc.property(
      call,
      fc.array(subprocessor, { maxLength: 3 }),
      fc.array(moment, { minLength: 3, maxLength: 3 }),
      ({ from, days }, list, times) => {
        const [a = 0, b = 0, c = 0] = times.sort((x, y) => x - y)
        const holding = { from, to: days === null ? null : from + days * DAY_MS }
        const direct = (start: number, end: number) => touches(holding, { from: start, to: end })
        expect(direct(a, b) || direct(b, c)).toBe(direct(a, c))
        const through = (start: number, end: number) =>
          direct(start, end) ? pathsTo(ASKED, behind(list), holding, { from: start, to: end }, '2026-03-01') : []
        const parts = [...through(a, b), ...through(b, c)]
        for (const known of ['known_then', 'known_now'] as const)
          expect(parts.some((path) => path[known])).toBe(through(a, c).some((path) => path[known]))
      },
    ),
    { numRuns: RUNS },
  )
})

test('a retention counts as it was known when the call was made: what was read later leaves the call held without an end', () => {
  const sent_ms = Date.parse('2026-02-01T00:00:00Z')
  const call = { sent_ms, ended_ms: sent_ms + 1_000, provider_retention: null }
  const read = (days: number | null, read_on: string) => ({ retention: { days, ...CLAIM, read_on } })
  expect(retentionOf(call, read(10, '2026-01-01'))).toEqual({
    holding: { from: sent_ms, to: sent_ms + 1_000 + 10 * DAY_MS },
    held: { until: '2026-02-11T00:00:01.000Z', basis: 'register' },
    now: null,
  })
  expect(retentionOf(call, read(10, '2026-02-02'))).toMatchObject({
    holding: { to: null },
    held: { until: null, basis: 'unknown' },
    now: { to: sent_ms + 1_000 + 10 * DAY_MS },
  })
  for (const nothing of [read(null, '2026-01-01'), null])
    expect(retentionOf(call, nothing)).toMatchObject({ holding: { to: null }, held: { basis: 'unknown' }, now: null })
  const unkept = { ...call, provider_retention: { mode: 'none', until: null } }
  expect(retentionOf(unkept, read(10, '2026-01-01'))).toMatchObject({ holding: { to: call.ended_ms }, held: { basis: 'record' } })
  const recorded = { ...call, provider_retention: { mode: 'days', until: '2026-02-03T00:00:00.000Z' } }
  expect(retentionOf(recorded, read(10, '2026-01-01'))).toMatchObject({ held: { until: '2026-02-03T00:00:00.000Z', basis: 'record' } })
})

test.each([
  ['2026-01-01T00:00:00Z', 72],
  ['2026-01-01T00:00:01Z', 71],
  ['2026-01-03T00:00:00Z', 24],
  ['2026-01-04T00:00:00Z', 0],
  ['2026-01-04T00:00:01Z', -1],
])('at %s, %i whole hours of 72 are left of a breach known since midnight of 1 January', (now, hours) => {
  expect(hoursLeft('2026-01-01T00:00:00Z', now, 72)).toBe(hours)
})
