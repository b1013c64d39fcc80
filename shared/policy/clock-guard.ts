/**
 * What may be undone by nobody must not rest on a clock that somebody set wrong. Two bounds are kept. While a process runs, its monotonic clock says how
 * much time passed at least: `vouchedMs` adds that up over all processes and restarts, and time in which none ran counts nothing. A wall clock is
 * believed (`trustedMs`) when one chain of observations saw it advance with the monotonic clock for the whole holding period; until then what was believed before
 * goes on by what is vouched for. So a clock that jumps ahead, or a start after a long stop, makes nothing due early: it is right again, or believed, after the holding
 * period. The limit is said plainly: a clock that stays wrong for longer than that, and that nobody looks at, is believed.
 */
export interface ClockState {
  /** How often it was looked by now, and the look that broke the chain last: it found the clock elsewhere than the one before it. */
  looks: number
  brokenLook: number
  /** The wall clock at the last look, by whatever process. */
  observedMs: number
  /** For how long the wall clock was seen to advance as it should, without a break. */
  steadyMs: number
  vouchedMs: number
  /** The time is not earlier than this; null: nothing was believed yet. */
  trustedMs: number | null
  /** The newest jump; `byMs` is negative where it went back. */
  jump: { atMs: number; byMs: number } | null
  /** The rules that the processes erase by, and how much vouched-for time they have been the same. */
  rulesHash: string
  rulesMs: number
}

/** What one process has seen itself: both clocks when it began to compare them, and when it looked last. */
export interface ClockWitness {
  anchor: ClockReading
  last: ClockReading
  /** The number of its last look. */
  look: number
}

export interface ClockReading {
  wallMs: number
  monotonicMs: number
}

/** Clocks of good machines that are kept right over the network differ by less; a smaller jump is not noticed, and taken off whatever is believed. */
export const CLOCK_TOLERANCE_MS = 120_000
/** From then on a witness compares with a newer reading: two clocks that drift apart by less than the tolerance in this time count as one. */
const ANCHOR_MS = 86_400_000

export interface Observed {
  state: ClockState
  witness: ClockWitness
  jumped: boolean
}

/**
 * One look at the clocks. `witness` is what this process has seen before; null at its first look, which says nothing but by which rules it erases. `state` is
 * what all have seen, null at the very first.
 */
export function observeClock(
  state: ClockState | null,
  witness: ClockWitness | null,
  now: ClockReading & { rulesHash: string },
  holdingMs: number,
): Observed {
  const { rulesHash, ...reading } = now
  const known = state ?? { ...NOTHING_SEEN, observedMs: reading.wallMs, rulesHash }
  const before = known.rulesHash === rulesHash ? known : { ...known, rulesHash, rulesMs: 0 }
  if (witness === null) {
    return {
      state: holdingMs === 0 ? { ...before, trustedMs: reading.wallMs } : before,
      witness: { anchor: reading, last: reading, look: before.looks },
      jumped: false,
    }
  }
  const passedMs = reading.monotonicMs - witness.last.monotonicMs
  const found = compare(before, witness, reading)
  const vouchedMs = Math.max(
    0,
    found === 'steady' ? Math.min(passedMs, reading.wallMs - before.observedMs) : found === 'jumped' ? passedMs : 0,
  )
  const broken = found === 'jumped' || found === 'jumped unseen' || found === 'elsewhere'
  const steadyMs = broken ? 0 : before.steadyMs + vouchedMs
  const lower = before.trustedMs === null ? null : Math.min(before.trustedMs + vouchedMs, reading.wallMs)
  const jumped = found === 'jumped' || found === 'jumped unseen'
  const looks = before.looks + 1
  return {
    state: {
      looks,
      brokenLook: broken ? looks : before.brokenLook,
      observedMs: reading.wallMs,
      steadyMs,
      vouchedMs: before.vouchedMs + vouchedMs,
      trustedMs: steadyMs >= holdingMs ? reading.wallMs : lower,
      jump: jumped ? { atMs: reading.wallMs, byMs: Math.round(advance(witness.last, reading)) } : before.jump,
      rulesHash,
      rulesMs: before.rulesMs + vouchedMs,
    },
    witness: {
      anchor: jumped || reading.wallMs - witness.anchor.wallMs >= ANCHOR_MS ? reading : witness.anchor,
      last: reading,
      look: looks,
    },
    jumped,
  }
}

/**
 * `jumped`: away from the monotonic clock since this process looked, which was the last look of all; `jumped unseen`: the same, but others have looked since, and who
 * counts what passed in between is not known. `elsewhere`: what others saw last does not fit between what this process has seen. `new`: it fits, but
 * this process has not looked since the chain broke, so what passed is not its to count.
 */
type Found = 'steady' | 'new' | 'elsewhere' | 'jumped' | 'jumped unseen'

function compare({ looks, brokenLook, observedMs }: ClockState, { anchor, look }: ClockWitness, reading: ClockReading): Found {
  if (Math.abs(advance(anchor, reading)) > CLOCK_TOLERANCE_MS) return look === looks ? 'jumped' : 'jumped unseen'
  if (observedMs < anchor.wallMs || observedMs > reading.wallMs + CLOCK_TOLERANCE_MS) return 'elsewhere'
  return look < brokenLook ? 'new' : 'steady'
}

/** Somebody vouched for the wall clock: it was not earlier than `confirmedMs` when the sum was `vouchedMs`. */
export interface ClockConfirmation {
  confirmedMs: number
  vouchedMs: number
}

/**
 * `wallMs` is right: so was the clock at the last look, unless it was set since. Then what passed since that look counts twice, which the tolerance covers
 * where it is looked often enough.
 */
export function confirmClock({ observedMs, vouchedMs }: ClockState, wallMs: number): ClockConfirmation {
  return { confirmedMs: Math.min(observedMs, wallMs), vouchedMs }
}

/** What was due at this moment is due, whatever the wall clock (`wallMs`) has done; null: nothing is. */
export function dueByMs(state: ClockState, confirmation: ClockConfirmation | null, wallMs: number): number | null {
  const confirmed = confirmation && confirmation.confirmedMs + state.vouchedMs - confirmation.vouchedMs
  const bounds = [state.trustedMs, confirmed].filter((bound) => bound !== null)
  return bounds.length === 0 ? null : Math.min(wallMs, Math.max(...bounds)) - CLOCK_TOLERANCE_MS
}

/** By how much the wall clock advanced further than the monotonic one. */
function advance(from: ClockReading, to: ClockReading): number {
  return to.wallMs - from.wallMs - (to.monotonicMs - from.monotonicMs)
}

const NOTHING_SEEN = { looks: 0, brokenLook: 0, steadyMs: 0, vouchedMs: 0, trustedMs: null, jump: null, rulesMs: 0 } as const
