import type { Activity } from './activities.ts'
import { daysBetween } from './evaluate.ts'
import { claimsOf } from './explain.ts'
import { EEA } from './policy.ts'
import type { ProcessorRegister } from './register.ts'
import type { Drift, DriftKind, Overrun, RegisterEntry, Seen } from './register-report.ts'
import { groups, type Observations, type Observed } from './seen.ts'

/** A year, as for `processors check`: contracts and lists of subprocessors change about that often. */
export const EVIDENCE_DAYS_MAX = 365

type Fields = RegisterEntry['fields']
type ListField = Fields['subject_categories']
type KindOf = (kind: string) => Seen[]

export function purposesField(activity: Activity | null, of: readonly Observed[], used: readonly string[]): Fields['purposes'] {
  const observed = groups(of.filter(({ kind }) => kind === 'event').map((one) => ({ ...one, name: one.purpose })))
  const named = new Set([...observed.map(({ name }) => name), ...used])
  if (!activity)
    return {
      declared: null,
      observed,
      drift: [...named].map((purpose) => drift('undeclared_purpose', purpose, `no activity declares the purpose ${purpose}`)),
    }
  const silent = activity.purposes.filter((purpose) => !named.has(purpose))
  const drifts = silent.map((purpose) =>
    note('never_observed', purpose, `the purpose ${purpose} is declared and was not observed in the period`),
  )
  return { declared: [...activity.purposes], observed, drift: drifts }
}

/**
 * Of what nobody declared, the purpose alone is said: that everything under it is undeclared too follows. And of what was not used at all, that alone: none of
 * its categories can have been seen.
 */
export function listField(
  declared: readonly string[] | undefined,
  observed: Seen[],
  kind: DriftKind,
  what: string,
  used: boolean,
): ListField {
  if (!declared) return { declared: null, observed, drift: [] }
  const undeclared = observed.filter(({ name }) => !declared.includes(name))
  const silent = used ? declared.filter((name) => !observed.some((seen) => seen.name === name)) : []
  return {
    declared: [...declared],
    observed,
    drift: [
      ...undeclared.map(({ name, events }) => drift(kind, name, `${what} ${name} was seen in ${eventsText(events)} and is not declared`)),
      ...silence(silent, what),
    ],
  }
}

function silence(names: readonly string[], what: string): Drift[] {
  const list = names.join(', ')
  return names.length === 0 ? [] : [note('never_observed', list, `${what} ${list} declared and not observed in the period`)]
}

export function flagField(declared: boolean | undefined, observed: boolean, kind: DriftKind, article: string): Fields['special'] {
  const beyond = declared === false && observed
  return {
    declared: declared ?? null,
    observed,
    drift: beyond ? [drift(kind, article, `documents of this activity hold data of ${article}, and it is declared to have none`)] : [],
  }
}

export function basisField(declared: string | null | undefined, observed: Seen[]): Fields['legal_basis'] {
  const others = declared === undefined ? [] : observed.filter(({ name }) => name !== declared)
  return {
    declared: declared ?? null,
    observed,
    drift: others.map(({ name, events }) =>
      drift('other_basis', name, `${eventsText(events)} were recorded under ${name}; declared now is ${declared ?? 'none'}`),
    ),
  }
}

export function recipientsOf(kind: KindOf, { processors }: ProcessorRegister): Fields['recipients']['observed'] {
  const regions = kind('region').map(({ name }) => name.split(' '))
  return kind('recipient').map((seen) => ({
    ...seen,
    regions: regions.flatMap(([processor, region = 'unknown']) => (processor === seen.name ? [region] : [])),
    in_process: processors.find(({ key }) => key === seen.name)?.deployment === 'in_process',
  }))
}

export function recipientsField(
  activity: Activity | null,
  observed: Fields['recipients']['observed'],
  observations: Observations,
): Fields['recipients'] {
  const handed = observed.filter(({ in_process }) => !in_process)
  const declared = activity?.recipients ?? null
  const undeclared = declared ? handed.filter(({ name }) => !declared.includes(name)) : []
  const inProcess = (name: string) =>
    observations.register.processors.some(({ key, deployment }) => key === name && deployment === 'in_process')
  const silent = declared?.filter((name) => !observed.some((seen) => seen.name === name) && !inProcess(name)) ?? []
  return {
    declared: declared && [...declared],
    observed,
    drift: [
      ...undeclared.map(({ name, events }) =>
        drift('undeclared_recipient', name, `${name} was handed data in ${callsText(events)} and is not declared`),
      ),
      ...[...new Set([...(declared ?? []), ...handed.map(({ name }) => name)])].flatMap((name) => evidenceOf(name, observations)),
      ...silent.map((name) => note('never_observed', name, `${name} is declared as a recipient and was handed nothing in the period`)),
    ],
  }
}

/** Whether what the register of processors says of a recipient can still be relied on. */
function evidenceOf(name: string, { register, today }: Observations): Drift[] {
  const processor = register.processors.find(({ key }) => key === name)
  if (!processor) return [drift('unregistered_recipient', name, `the register of processors holds no ${name}`)]
  const claims = claimsOf({ ...register, processors: [processor] }, today)
  const old = claims.filter(({ age_days }) => age_days > EVIDENCE_DAYS_MAX)
  if (old.length === 0) return []
  const oldest = Math.max(...old.map(({ age_days }) => age_days))
  return [
    drift(
      'stale_evidence',
      name,
      `${old.length} of ${claims.length} facts on ${name} were read more than ${EVIDENCE_DAYS_MAX} days ago, the oldest ${oldest} days`,
    ),
  ]
}

export function countriesOf(seen: readonly Seen[]): Fields['third_countries']['observed'] {
  return seen.map((one) => {
    const [name = 'unknown', mechanism = 'unknown', processor = 'unknown'] = one.name.split(' ')
    return { ...one, name, mechanism, processor }
  })
}

export function countriesField(
  activity: Activity | null,
  observed: Fields['third_countries']['observed'],
  used: boolean,
): Fields['third_countries'] {
  const declared = activity?.third_countries ?? null
  const known = declared?.map(({ country }) => country)
  const silent = used ? (known ?? []).filter((country) => !observed.some(({ name }) => name === country)) : []
  const undeclared = known ? observed.filter(({ name }) => !known.includes(name) && !EEA.includes(name)) : []
  return {
    declared: declared && [...declared],
    observed,
    drift: [
      ...undeclared.map(({ name, processor, mechanism, events }) =>
        drift(
          'undeclared_country',
          name,
          name === 'unknown'
            ? `${processor} commits to no country: ${callsText(events)} may have left the EEA (mechanism: ${mechanism}), and no third country is declared for it`
            : `${callsText(events)} to ${processor} may have gone to ${name} (mechanism: ${mechanism}), which is not declared`,
        ),
      ),
      ...silence(silent, 'the country'),
    ],
  }
}

export function erasureField(activity: Activity | null, observed: Overrun[]): Fields['erasure'] {
  const declared = activity?.data_categories.map(({ category, erasure }) => ({ category, ...erasure })) ?? null
  const days = (wanted: string) => declared?.find(({ category }) => category === wanted)?.days
  return {
    declared,
    observed,
    drift: observed
      .filter(({ documents }) => documents > 0)
      .map(({ category, documents, at_least, oldest }) =>
        drift(
          'retention_overrun',
          category,
          `${at_least ? 'at least ' : ''}${documents} ${documents === 1 ? 'document' : 'documents'} with ${category} data ${documents === 1 ? 'is' : 'are'} older than the declared ${days(category)} days; the oldest came on ${oldest.slice(0, 10)}`,
        ),
      ),
  }
}

export function assessmentsField(activity: Activity | null): Fields['assessments'] {
  const open = Object.entries(activity?.assessments ?? {}).filter(([, { status }]) => status === 'open')
  return {
    declared: activity?.assessments ?? null,
    observed: null,
    drift: open.map(([name]) => note('assessment_open', name, `the ${name.toUpperCase()} is open: whether it is needed, or how it ended`)),
  }
}

export function reviewField(activity: Activity | null, today: string): Fields['review'] {
  if (!activity) return { declared: null, observed: null, drift: [] }
  const { created_on, reviewed_on, review_by } = activity
  const overdue = review_by < today
  return {
    declared: { created_on, reviewed_on, review_by },
    observed: null,
    drift: overdue
      ? [drift('review_overdue', review_by, `the review was due on ${review_by}, ${daysBetween(review_by, today)} days ago`)]
      : [],
  }
}

export function only<Value>(declared: Value | null | undefined): { declared: Value | null; observed: null; drift: Drift[] } {
  return { declared: declared ?? null, observed: null, drift: [] }
}

function drift(kind: DriftKind, name: string, text: string): Drift {
  return { kind, severity: 'drift', name, text }
}

function note(kind: DriftKind, name: string, text: string): Drift {
  return { kind, severity: 'note', name, text }
}

function eventsText(events: number): string {
  return `${events} ${events === 1 ? 'event' : 'events'}`
}

function callsText(calls: number): string {
  return `${calls} ${calls === 1 ? 'call' : 'calls'}`
}
