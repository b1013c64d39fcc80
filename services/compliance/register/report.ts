import { type Database, withTenant } from '../../../shared/database/connection.ts'
import {
  countLiveDocuments,
  countTail,
  ROLL_UP_BATCH,
  readObservations,
  readOverruns,
  rollUpRegister,
  TAIL_EVENTS_MAX,
} from '../../../shared/database/register.ts'
import type { Activities } from '../../../shared/policy/activities.ts'
import { compareActivities } from '../../../shared/policy/activity-drift.ts'
import type { ProcessorRegister } from '../../../shared/policy/register.ts'
import type { Overrun, RegisterEntry, RegisterQuestion, RegisterReport, RegisterView } from '../../../shared/policy/register-report.ts'

/** Of one report: what a log of millions of events is behind is caught up with in the background, and the report says how far it came. */
const CATCH_UP_MS_MAX = 20_000

export interface RegisterServices {
  database: Database
  activities: Activities
  activitiesHash: string
  register: ProcessorRegister
  registerHash: string
}

/**
 * The register of one organisation: what was declared beside what its record shows. The roll-up is brought up to the log first, a bounded batch in each
 * transaction; memory holds sums alone, however long the record is.
 */
export async function reportRegister(services: RegisterServices, tenantId: string, question: RegisterQuestion): Promise<RegisterReport> {
  const { database, activities, activitiesHash, register, registerHash } = services
  const { from = null, to = null, view } = question
  await catchUp(database, tenantId, performance.now() + CATCH_UP_MS_MAX)
  const { seen, live, left } = await withTenant(database, tenantId, async (tx) => ({
    left: await countTail(tx, tenantId),
    seen: await readObservations(tx, tenantId, { from, to }),
    live: await countLiveDocuments(tx, tenantId),
  }))
  const overruns = new Map<string, Overrun[]>()
  for (const activity of activities.activities)
    overruns.set(activity.id, await withTenant(database, tenantId, (tx) => readOverruns(tx, tenantId, activity)))
  const now = new Date().toISOString()
  const today = now.slice(0, 10)
  const entries = compareActivities(activities, { seen, live, overruns, register, registerHash: activitiesHash, today })
  const shown = entries.filter(({ role }) => role === view)
  return {
    schema: 'greffier.register/1',
    tenant_id: tenantId,
    generated_at: now,
    view,
    from,
    to,
    register_hash: activitiesHash,
    processors_hash: registerHash,
    notice: activities.notice,
    controller: activities.controller,
    joint_controllers: activities.joint_controllers,
    representative: activities.representative,
    dpo: activities.dpo,
    activities: shown,
    by_controller: view === 'processor' ? byController(shown) : [],
    events_without_purpose: seen
      .filter(({ purpose, kind }) => purpose === '' && kind === 'event')
      .reduce((total, { events }) => total + events, 0),
    drifts: shown
      .flatMap(({ fields }) => Object.values(fields).flatMap(({ drift }) => drift))
      .filter(({ severity }) => severity === 'drift').length,
    notes: notesOf(left),
  }
}

/** One view of the register over all time, as an auditor's bundle encloses it. */
export async function registerJson(services: RegisterServices, tenantId: string, view: RegisterView): Promise<string> {
  return `${JSON.stringify(await reportRegister(services, tenantId, { view }), null, 2)}\n`
}

/** Rolls up what the log has, until nothing is left or the time is over. */
export async function catchUp(database: Database, tenantId: string, untilMs: number): Promise<void> {
  for (;;) {
    const taken = await withTenant(database, tenantId, (tx) => rollUpRegister(tx, tenantId))
    if (taken < ROLL_UP_BATCH || performance.now() >= untilMs) return
  }
}

/** Art. 30(2)(a): one part for each controller on whose behalf something is done. */
function byController(entries: readonly RegisterEntry[]): RegisterReport['by_controller'] {
  const parts = new Map<string, RegisterReport['by_controller'][number]>()
  for (const { id, controllers } of entries) {
    for (const controller of controllers) {
      const key = JSON.stringify([controller.name, controller.contact])
      const part = parts.get(key) ?? { controller, activities: [] }
      if (id !== null) part.activities.push(id)
      parts.set(key, part)
    }
  }
  return [...parts.values()].sort((a, b) => a.controller.name.localeCompare(b.controller.name))
}

function notesOf(left: number): string[] {
  return [
    'Observed is what the record of this system shows: processing elsewhere is declared alone.',
    'Limits of erasure are counted from the upload of a document. Where the law counts from another day, an overrun is a question and not an answer.',
    ...(left > TAIL_EVENTS_MAX
      ? [`${left - TAIL_EVENTS_MAX} events or more of the record are not in this register yet; ask again in a moment.`]
      : []),
  ]
}
