import { type Activities, type Activity, activityOf } from './activities.ts'
import {
  assessmentsField,
  basisField,
  countriesField,
  countriesOf,
  erasureField,
  flagField,
  listField,
  only,
  purposesField,
  recipientsField,
  recipientsOf,
  reviewField,
} from './drift-fields.ts'
import type { RegisterEntry } from './register-report.ts'
import { groups, merge, type Observations, sum } from './seen.ts'

/** Purposes that nobody declared: each has an entry of its own up to here. */
const UNDECLARED_MAX = 200

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
