import fc from 'fast-check'
import { expect, test } from 'vitest'
import { allot, type Holder, type Holders } from '../../../shared/limits/shares.ts'

const ids = fc.integer({ min: 1, max: 12 }).map((count) => Array.from({ length: count }, (_, index) => `holder ${index}`))
const demand = fc.oneof(fc.constant(0), fc.nat(5), fc.nat(5_000))

test('shares are never above the limit together, with the calls that go on in shares that fell; and after eight rounds, four seconds, everyone who works has one', () => {
  fc.assert(
    fc.property(
      ids,
      fc.integer({ min: 1, max: 300 }),
      fc.array(fc.array(demand, { minLength: 12, maxLength: 12 }), { maxLength: 5 }),
      (names, limit, phases) => {
        const holders: Record<string, Holder> = {}
        for (const [phase, demands] of phases.entries()) {
          for (const round of [0, 1, 2, 3, 4, 5, 6, 7]) {
            for (const [index, name] of names.entries()) {
              const wanted = demands[index] ?? 0
              const before = holders[name]?.allotment ?? 0
              // In the first round of a phase the calls of the last one still run.
              const inFlight = round === 0 ? Math.max(holders[name]?.in_flight ?? 0, Math.min(wanted, before)) : Math.min(wanted, before)
              const asking = { allotment: before, in_flight: inFlight, waiting: Math.max(0, wanted - inFlight), until_ms: 1 }
              holders[name] = asking
              holders[name] = { ...asking, allotment: allot(holders, name, limit, phase) }
              expect(together(holders)).toBeLessThanOrEqual(limit)
            }
          }
          const working = names.filter((_, index) => (demands[index] ?? 0) > 0)
          if (working.length <= limit) for (const name of working) expect(holders[name]?.allotment).toBeGreaterThan(0)
          const wanted = names.reduce((sum, _, index) => sum + (demands[index] ?? 0), 0)
          const granted = names.reduce((sum, name) => sum + (holders[name]?.allotment ?? 0), 0)
          // Nothing stands idle while somebody waits, but for what is on its way to who lacks most.
          if (wanted >= limit) expect(granted).toBeGreaterThanOrEqual(Math.floor(0.9 * limit) - names.length)
        }
      },
    ),
  )
})

test('a share that is a little above the fair one is kept, because slots that change hands stand empty for a while', () => {
  const holders: Holders = {
    one: { allotment: 46, in_flight: 46, waiting: 50, until_ms: 1 },
    two: { allotment: 41, in_flight: 41, waiting: 50, until_ms: 1 },
    three: { allotment: 41, in_flight: 41, waiting: 50, until_ms: 1 },
  }
  expect(allot(holders, 'one', 128, 0)).toBe(46)
  const newcomer = { ...holders, four: { allotment: 0, in_flight: 0, waiting: 1, until_ms: 1 } }
  expect(allot(newcomer, 'one', 128, 0)).toBeLessThan(46)
})

function together(holders: Holders): number {
  return Object.values(holders).reduce((sum, { allotment, in_flight }) => sum + Math.max(allotment, in_flight), 0)
}
