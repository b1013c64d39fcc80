import { z } from 'zod'

export const Holder = z.strictObject({
  allotment: z.int().min(0),
  in_flight: z.int().min(0),
  waiting: z.int().min(0),
  until_ms: z.number(),
})
export type Holder = z.infer<typeof Holder>
export type Holders = Readonly<Record<string, Holder>>

/** Where there are fewer slots than processes with work, they take turns of this length. */
const TURN_MS = 1_000
/** A share that is this much above the fair one is kept while nobody lacks more: slots that change hands stand empty until the other one asks. */
const TOLERANCE = 0.1

/**
 * How many calls `id`, one of the live `holders`, may have in flight. Each process is given its part of the limit by what it has in flight and waiting; at
 * least one when it has work and the limit allows it. What others hold is never given twice: a process whose share falls keeps counting with the
 * calls that it still has in flight, and what it has freed goes to who asks next.
 */
export function allot(holders: Holders, id: string, limit: number, nowMs: number): number {
  const mine = holders[id]
  if (!mine) return 0
  const fair = fairShares(holders, limit, nowMs)
  const others = Object.entries(holders).filter(([other]) => other !== id)
  const available = Math.max(0, limit - sum(others.map(([, holder]) => held(holder))))
  const lacking = others.map(([other, holder]) => ({ lacks: Math.max(0, (fair.get(other) ?? 0) - held(holder)), of: fair.get(other) ?? 0 }))
  const share = Math.max(Math.min(fair.get(id) ?? 0, available), available - sum(lacking.map(({ lacks }) => lacks)))
  const isNobodyShort = lacking.every(({ lacks, of }) => lacks <= Math.floor(TOLERANCE * of))
  const keeps = share < mine.allotment && mine.allotment <= available && mine.waiting > 0 && isNobodyShort
  return keeps ? mine.allotment : share
}

/** Whole numbers whose sum is the limit, unless nobody wants anything of it. */
function fairShares(holders: Holders, limit: number, nowMs: number): Map<string, number> {
  const wants = Object.entries(holders)
    .map(([id, holder]) => ({ id, wanted: holder.in_flight + holder.waiting }))
    .sort((one, other) => (one.id < other.id ? -1 : 1))
  const total = sum(wants.map(({ wanted }) => wanted))
  if (total <= limit) {
    const spare = divide(
      wants.map(() => 1),
      limit - total,
    )
    return new Map(wants.map(({ id, wanted }, index) => [id, wanted + (spare[index] ?? 0)]))
  }
  const working = wants.filter(({ wanted }) => wanted > 0)
  if (working.length > limit) {
    const turn = Math.floor(nowMs / TURN_MS)
    return new Map(working.map(({ id }, index) => [id, (index + turn) % working.length < limit ? 1 : 0]))
  }
  const above = divide(
    working.map(({ wanted }) => wanted - 1),
    limit - working.length,
  )
  return new Map(working.map(({ id }, index) => [id, 1 + (above[index] ?? 0)]))
}

/** In proportion to the weights; what rounding leaves goes to the largest fractions. */
function divide(weights: readonly number[], amount: number): number[] {
  const total = sum(weights)
  if (total === 0) return weights.map(() => 0)
  const exact = weights.map((weight) => (amount * weight) / total)
  const parts = exact.map(Math.floor)
  const byFraction = exact.map((value, index) => ({ index, fraction: value - Math.floor(value) })).sort((a, b) => b.fraction - a.fraction)
  for (const { index } of byFraction.slice(0, amount - sum(parts))) parts[index] = (parts[index] ?? 0) + 1
  return parts
}

/** What may still be in flight for it: the calls that it has, though its share be smaller by now. */
function held({ allotment, in_flight }: Holder): number {
  return Math.max(allotment, in_flight)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
