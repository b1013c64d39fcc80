import type { Held } from '../contracts/exposure.ts'
import type { Recipient } from './recipient.ts'
import type { Processor, ProcessorRegister, Subprocessor } from './register.ts'

const DAY_MS = 86_400_000

/** Milliseconds since 1970, both ends included; `to` null: it has no known end. */
export interface Holding {
  from: number
  to: number | null
}

export interface Interval {
  from: number
  to: number
}

/** A call as the record has it. `ended_ms`: when its closing event was written; of one that is open still, now. */
export interface SentCall {
  sent_ms: number
  ended_ms: number
  /** What its event says of the recipient's retention; null: nothing. */
  provider_retention: { mode: string; until: string | null } | null
}

export interface Retention {
  holding: Holding
  held: Held
  /** By the register of today; null where it says the same. */
  now: Holding | null
}

/**
 * When the recipient held what a call sent: from its beginning until the retention after its end is over. The event's own statement comes first. Else the
 * register's, where it had been read by the day of the call; a retention of which nothing was known then has no end, whatever was read since.
 */
export function retentionOf(call: SentCall, processor: Pick<Processor, 'retention'> | null): Retention {
  const stated = processor?.retention ?? null
  const byRegister = (days: number | null): Holding => ({
    from: call.sent_ms,
    to: days === null ? null : Math.max(call.sent_ms, call.ended_ms) + days * DAY_MS,
  })
  const now = byRegister(stated?.days ?? null)
  const { provider_retention: recorded } = call
  if (recorded?.until) {
    const holding = { from: call.sent_ms, to: Math.max(call.sent_ms, Date.parse(recorded.until)) }
    return { holding, held: heldOf(holding, 'record'), now: differs(holding, now) }
  }
  if (recorded) {
    // Nothing is kept once the call is over; of whatever else has no end, none is known.
    const holding = byRegister(recorded.mode === 'none' ? 0 : null)
    return { holding, held: heldOf(holding, recorded.mode === 'unknown' ? 'unknown' : 'record'), now: differs(holding, now) }
  }
  const known = stated !== null && stated.days !== null && stated.read_on <= dayOf(call.sent_ms)
  const holding = byRegister(known ? stated.days : null)
  return { holding, held: heldOf(holding, known ? 'register' : 'unknown'), now: differs(holding, now) }
}

/** Both intervals have their ends in them: what was erased in the same moment was still held in it. */
export function touches(holding: Holding, interval: Interval): boolean {
  return holding.from <= interval.to && (holding.to === null || holding.to >= interval.from)
}

/** How the asked company comes to hold what was sent to a processor: as that processor (`subprocessor` null), or behind it. */
export interface Path {
  subprocessor: string | null
  country: string | null
  known_then: boolean
  known_now: boolean
}

/**
 * The paths from a recipient to the asked company while it held a call in the interval. A subprocessor counts when it was one (`valid`) on any day between
 * the sending and the end of interval or holding. `known_then`: the register said so on the day of the call; `known_now`: it does today.
 */
export function pathsTo(asked: Asked, recipient: Recipient, holding: Holding, interval: Interval, today: string): Path[] {
  const direct: Path[] = asked.keys.has(recipient.key)
    ? [{ subprocessor: null, country: null, known_then: true, known_now: recipient.processor !== null }]
    : []
  const first = dayOf(holding.from)
  const last = dayOf(holding.to === null ? interval.to : Math.min(holding.to, interval.to))
  const behind = new Map<string, Path>()
  for (const entry of recipient.processor?.subprocessors.list ?? []) {
    if (!asked.names.has(named(entry.entity)) || !wasSubprocessor(entry, first, last)) continue
    const then = covers(entry.known, first)
    const now = covers(entry.known, today)
    if (!then && !now) continue
    const before = behind.get(named(entry.entity))
    behind.set(named(entry.entity), {
      subprocessor: entry.entity,
      country: entry.country,
      known_then: then || before?.known_then === true,
      known_now: now || before?.known_now === true,
    })
  }
  return [...direct, ...behind.values()]
}

/** Whom a question is about: keys of the register, and names under which others may list it as their subprocessor. */
export interface Asked {
  keys: ReadonlySet<string>
  names: ReadonlySet<string>
}

/** Null: the register holds nobody of that key or name. Upper and lower case are the same. */
export function askedFor(register: ProcessorRegister, processor: string): Asked | null {
  const name = named(processor)
  const entries = register.processors.filter(
    (entry) => entry.key === name || named(entry.name) === name || named(entry.legal_entity.entity) === name,
  )
  const listed = register.processors.some((entry) => entry.subprocessors.list.some(({ entity }) => named(entity) === name))
  if (entries.length === 0 && !listed) return null
  return {
    keys: new Set(entries.map(({ key }) => key)),
    names: new Set([name, ...entries.flatMap((entry) => [named(entry.name), named(entry.legal_entity.entity)])]),
  }
}

/** Of a processor that the register does not hold any more: its key is what calls were recorded under. */
export function askedByKey(processor: string): Asked {
  const name = named(processor)
  return { keys: new Set([name]), names: new Set([name]) }
}

/** Keys of all who may have handed something to whom a question is about: calls to others need not be read. */
export function candidatesFor(register: ProcessorRegister, asked: Asked): string[] {
  const behind = register.processors.filter((entry) => entry.subprocessors.list.some(({ entity }) => asked.names.has(named(entity))))
  return [...new Set([...asked.keys, ...behind.map(({ key }) => key)])]
}

/** UTC, ISO 8601. */
export function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10)
}

function heldOf({ to }: Holding, basis: Held['basis']): Held {
  return { until: to === null ? null : new Date(to).toISOString(), basis }
}

/** Seconds and milliseconds between a call and its closing event are no other statement. */
function differs(then: Holding, now: Holding): Holding | null {
  const same = then.to === null || now.to === null ? then.to === now.to : Math.abs(then.to - now.to) < DAY_MS / 24
  return same ? null : now
}

function wasSubprocessor({ valid }: Subprocessor, first: string, last: string): boolean {
  return (valid.from === null || valid.from <= last) && (valid.to === null || valid.to > first)
}

function covers({ from, to }: { from: string | null; to: string | null }, day: string): boolean {
  return (from === null || from <= day) && (to === null || day < to)
}

function named(name: string): string {
  return name.trim().toLowerCase()
}
