import type { ProcessorRegister } from './register.ts'
import type { Overrun, Seen } from './register-report.ts'

/** What was seen under one purpose (shared/database/register.ts). */
export interface Observed extends Seen {
  purpose: string
  kind: string
}

/** What is known beside the declaration. */
export interface Observations {
  seen: readonly Observed[]
  /** Documents that are here, by purpose. */
  live: ReadonlyMap<string, number>
  /** By the id of an activity. */
  overruns: ReadonlyMap<string, readonly Overrun[]>
  register: ProcessorRegister
  registerHash: string
  /** ISO 8601. */
  today: string
}

/** The same name under several purposes is one. */
export function groups(seen: readonly Seen[]): Seen[] {
  const names = [...new Set(seen.map(({ name }) => name))].sort()
  return names.flatMap((name) => merge(seen.filter((one) => one.name === name)) ?? [])
}

export function merge(seen: readonly Seen[]): Seen | undefined {
  const [first] = seen
  if (!first) return undefined
  return {
    name: first.name,
    events: sum(seen),
    first_seen: seen.map(({ first_seen }) => first_seen).sort()[0] ?? first.first_seen,
    last_seen:
      seen
        .map(({ last_seen }) => last_seen)
        .sort()
        .at(-1) ?? first.last_seen,
  }
}

export function sum(seen: readonly Seen[]): number {
  return seen.reduce((total, { events }) => total + events, 0)
}
