import { type Activities, type Activity, activityOf } from './activities.ts'
import { daysBetween } from './evaluate.ts'
import { claimsOf } from './explain.ts'
import { EEA } from './policy.ts'
import type { ProcessorRegister } from './register.ts'
import type { Drift, DriftKind, Overrun, RegisterEntry, Seen } from './register-report.ts'

/** A year, as for `processors check`: contracts and lists of subprocessors change about that often. */
export const EVIDENCE_DAYS_MAX = 365
/** Purposes that nobody declared: each has an entry of its own up to here. */
const UNDECLARED_MAX = 200

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

/** Every declared activity with what was observed of it, in the order of the file, and then each purpose that nobody declared. */
export function compareActivities(activities: Activities, observations: Observations): RegisterEntry[] {
  const declared = activities.activities.map((activity) => entryOf(activity, activity.purposes, observations))
  const named = new Set([...observations.seen.map(({ purpose }) => purpose), ...observations.live.keys()])
  const undeclared = [...named].filter((purpose) => purpose !== '' && activityOf(activities, purpose) === null).sort()
  return [...declared, ...undeclared.slice(0, UNDECLARED_MAX).map((purpose) => entryOf(null, [purpose], observations))]
}

/** Field by field; the sentences are for a data protection officer. */
function entryOf(activity: Activity | null, purposes: readonly string[], observations: Observations): RegisterEntry {
  const of = purposes.flatMap((purpose) => observations.seen.filter((one) => one.purpose === purpose))
  const name = activity?.name ?? purposes.join(', ')
  const total = merge(of.filter(({ kind }) => kind === 'event'))
  const kind = (wanted: string) => groups(of.filter((one) => one.kind === wanted))
  const count = (wanted: string) => sum(of.filter((one) => one.kind === wanted))
  const flags = kind('flag').map((flag) => flag.name)
  const recipients = recipientsOf(kind, observations.register)
  const countries = countriesOf(kind('country'))
  const overruns = [...((activity && observations.overruns.get(activity.id)) ?? [])]
  const used = (total?.events ?? 0) > 0
  const live = purposes.reduce((documents, purpose) => documents + (observations.live.get(purpose) ?? 0), 0)
  return {
    id: activity?.id ?? null,
    name,
    role: activity?.role ?? 'controller',
    controllers: activity?.controllers ?? [],
    data_use: activity?.data_use ?? null,
    documents_uploaded: count('upload'),
    documents_live: live,
    events: total?.events ?? 0,
    calls: count('call'),
    calls_refused: count('refused'),
    events_under_another_register: sum(of.filter((one) => one.kind === 'register' && one.name !== observations.registerHash)),
    first_seen: total?.first_seen ?? null,
    last_seen: total?.last_seen ?? null,
    fields: {
      purposes: purposesField(activity, of, live > 0 ? purposes : []),
      subject_categories: listField(
        activity?.subject_categories,
        kind('subject_category'),
        'undeclared_subject_category',
        'people of the category',
        used,
      ),
      data_categories: listField(
        activity?.data_categories.map(({ category }) => category),
        kind('data_category'),
        'undeclared_data_category',
        'data of the category',
        used,
      ),
      special: flagField(activity?.special, flags.includes('special'), 'undeclared_special_data', 'Art. 9'),
      criminal: flagField(activity?.criminal, flags.includes('criminal'), 'undeclared_criminal_data', 'Art. 10'),
      legal_basis: basisField(activity?.legal_basis, kind('legal_basis')),
      art9_basis: basisField(activity?.art9_basis, kind('art9_basis')),
      art10_basis: only(activity?.art10_basis),
      recipients: recipientsField(activity, recipients, observations),
      third_countries: countriesField(activity, countries, used),
      erasure: erasureField(activity, overruns),
      measures: {
        declared: activity?.measures ?? null,
        observed: Object.fromEntries(kind('masking').map((masking) => [masking.name, masking.events])),
        drift: [],
      },
      assessments: assessmentsField(activity),
      source: only(activity?.source),
      notice_version: only(activity?.notice_version),
      automated_decision: only(activity?.automated_decision),
      review: reviewField(activity, observations.today),
      ai: { declared: activity?.ai ?? null, observed: kind('model'), drift: [] },
      dpa_reference: {
        declared: activity?.dpa_reference ?? null,
        observed: recipients
          .filter(({ in_process }) => !in_process)
          .map(({ name: processor }) => ({
            processor,
            reference: observations.register.processors.find(({ key }) => key === processor)?.dpa.reference ?? null,
          })),
        drift: [],
      },
    },
  }
}

type Fields = RegisterEntry['fields']
type ListField = Fields['subject_categories']
type KindOf = (kind: string) => Seen[]

function purposesField(activity: Activity | null, of: readonly Observed[], used: readonly string[]): Fields['purposes'] {
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
function listField(declared: readonly string[] | undefined, observed: Seen[], kind: DriftKind, what: string, used: boolean): ListField {
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

function flagField(declared: boolean | undefined, observed: boolean, kind: DriftKind, article: string): Fields['special'] {
  const beyond = declared === false && observed
  return {
    declared: declared ?? null,
    observed,
    drift: beyond ? [drift(kind, article, `documents of this activity hold data of ${article}, and it is declared to have none`)] : [],
  }
}

function basisField(declared: string | null | undefined, observed: Seen[]): Fields['legal_basis'] {
  const others = declared === undefined ? [] : observed.filter(({ name }) => name !== declared)
  return {
    declared: declared ?? null,
    observed,
    drift: others.map(({ name, events }) =>
      drift('other_basis', name, `${eventsText(events)} were recorded under ${name}; declared now is ${declared ?? 'none'}`),
    ),
  }
}

function recipientsOf(kind: KindOf, { processors }: ProcessorRegister): Fields['recipients']['observed'] {
  const regions = kind('region').map(({ name }) => name.split(' '))
  return kind('recipient').map((seen) => ({
    ...seen,
    regions: regions.flatMap(([processor, region = 'unknown']) => (processor === seen.name ? [region] : [])),
    in_process: processors.find(({ key }) => key === seen.name)?.deployment === 'in_process',
  }))
}

function recipientsField(
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

function countriesOf(seen: readonly Seen[]): Fields['third_countries']['observed'] {
  return seen.map((one) => {
    const [name = 'unknown', mechanism = 'unknown', processor = 'unknown'] = one.name.split(' ')
    return { ...one, name, mechanism, processor }
  })
}

function countriesField(
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

function erasureField(activity: Activity | null, observed: Overrun[]): Fields['erasure'] {
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

function assessmentsField(activity: Activity | null): Fields['assessments'] {
  const open = Object.entries(activity?.assessments ?? {}).filter(([, { status }]) => status === 'open')
  return {
    declared: activity?.assessments ?? null,
    observed: null,
    drift: open.map(([name]) => note('assessment_open', name, `the ${name.toUpperCase()} is open: whether it is needed, or how it ended`)),
  }
}

function reviewField(activity: Activity | null, today: string): Fields['review'] {
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

function only<Value>(declared: Value | null | undefined): { declared: Value | null; observed: null; drift: Drift[] } {
  return { declared: declared ?? null, observed: null, drift: [] }
}

/** The same name under several purposes is one. */
function groups(seen: readonly Seen[]): Seen[] {
  const names = [...new Set(seen.map(({ name }) => name))].sort()
  return names.flatMap((name) => merge(seen.filter((one) => one.name === name)) ?? [])
}

function merge(seen: readonly Seen[]): Seen | undefined {
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

function sum(seen: readonly Seen[]): number {
  return seen.reduce((total, { events }) => total + events, 0)
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
