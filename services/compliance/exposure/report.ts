import type { ExposedDocument, ExposureQuestion, ExposureReport } from '../../../shared/contracts/exposure.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import { type Database, withTenant } from '../../../shared/database/connection.ts'
import {
  isLastPage,
  type ReadSubjects,
  readCategories,
  readDocumentsPage,
  readSentCalls,
  type SentOnRecord,
} from '../../../shared/database/exposure.ts'
import type { Rules } from '../../../shared/policy/explain.ts'
import { type Asked, candidatesFor, dayOf, pathsTo, retentionOf, touches } from '../../../shared/policy/exposure.ts'
import { createTally, exposedDocument, type HeldCall } from '../../../shared/policy/exposure-tally.ts'
import { recipientOf } from '../../../shared/policy/recipient.ts'

/** Subjects that are told apart, some ten megabytes; where there are more, the report says so. */
const SUBJECTS_MAX = 100_000

export interface ReportServices {
  database: Database
  rules: Rules
  registerHash: string
  readSubjects: ReadSubjects
}

/**
 * What the asked company held in an interval. Documents are read in the order of their ids with all their calls, some hundred at a time, so that memory
 * does not grow with the record and every sum counts a document once.
 */
export async function reportExposure(
  services: ReportServices,
  tenantId: string,
  question: ExposureQuestion,
  asked: Asked,
): Promise<ExposureReport> {
  const { database } = services
  const of = { processors: candidatesFor(services.rules.register, asked), to: question.to }
  const judge = judgeOf(services, question, asked)
  const tally = createTally()
  const subjects = countSubjects()
  const documents: ExposedDocument[] = []
  const isWhole = question.cursor === undefined
  let more = false
  let after: string | null = question.cursor ?? null
  for (;;) {
    const start: string | null = after
    const page = await withTenant(database, tenantId, (tx) => readDocumentsPage(tx, start, question.to))
    if (page.length === 0) break
    after = page.at(-1)?.document_id ?? null
    const calls = await callsOf(page.map(({ document_id }) => document_id))
    const ids = page.map(({ document_id }) => document_id).filter((id) => calls.has(id))
    if (ids.length === 0) continue
    const categories = await withTenant(database, tenantId, (tx) => readCategories(tx, ids))
    if (isWhole) subjects.add(await withTenant(database, tenantId, (tx) => services.readSubjects(tx, ids)))
    for (const facts of page) {
      const held = calls.get(facts.document_id)
      if (!held) continue
      const known = categories.get(facts.document_id) ?? { data_categories: [], subject_categories: [] }
      const line = exposedDocument({ ...facts, ...known }, held)
      if (isWhole) tally.add(line, held, (call) => call.first === facts.document_id)
      if (documents.length < question.limit) documents.push(line)
      else more = true
    }
    if (more && !isWhole) break
  }
  if (isWhole) await eachCall([], (call) => tally.addWithoutDocument(call))
  const sums = tally.result((erased) => subjects.result(erased))
  return {
    report_id: newId(),
    tenant_id: tenantId,
    generated_at: new Date().toISOString(),
    asked: { processor: question.processor, from: question.from, to: question.to },
    register_hash: services.registerHash,
    totals: isWhole ? sums.totals : null,
    paths: isWhole ? sums.paths : [],
    uses: isWhole ? sums.uses : [],
    documents,
    next_cursor: more ? (documents.at(-1)?.document_id ?? null) : null,
    notes: notesOf(services, asked),
  }

  async function callsOf(ids: readonly string[]): Promise<Map<string, FirstCall[]>> {
    const found = new Map<string, FirstCall[]>()
    const wanted = new Set(ids)
    await eachCall(ids, (call, shown) => {
      for (const id of shown) if (wanted.has(id)) found.set(id, [...(found.get(id) ?? []), call])
    })
    return found
  }

  async function eachCall(ids: readonly string[], use: (call: FirstCall, shown: readonly string[]) => void): Promise<void> {
    let position = '0'
    for (;;) {
      const from = position
      const page = await withTenant(database, tenantId, (tx) => readSentCalls(tx, ids, of, from))
      for (const sent of page) {
        const held = judge(sent)
        if (held) use({ ...held, first: [...sent.document_ids].sort()[0] ?? null }, sent.document_ids)
      }
      if (isLastPage(page)) return
      position = page.at(-1)?.seq ?? position
    }
  }
}

/** `first`: the lowest id of the documents in the call, with which it is counted. */
type FirstCall = HeldCall & { first: string | null }

/** Null: by all that was known then, it was not held in the interval by whom is asked for. */
function judgeOf(
  { rules, registerHash }: ReportServices,
  question: ExposureQuestion,
  asked: Asked,
): (sent: SentOnRecord) => HeldCall | null {
  const now = Date.now()
  const interval = { from: Date.parse(question.from), to: Date.parse(question.to) }
  return ({ seq, event, sent_at, ended_at, outcome }) => {
    const { processor, region } = event.recipient
    const [endpoint = ''] = event.recipient.endpoint.split(' ')
    const recipient = recipientOf(rules.register, { processor, endpoint, region }, rules.declarations)
    const sent_ms = Date.parse(sent_at)
    const call = { sent_ms, ended_ms: ended_at === null ? now : Date.parse(ended_at), provider_retention: event.provider_retention }
    const retention = retentionOf(call, recipient.processor)
    if (!touches(retention.holding, interval)) return null
    const paths = pathsTo(asked, recipient, retention.holding, interval, dayOf(now))
    if (paths.length === 0) return null
    const { minimisation } = event
    return {
      seq,
      time: sent_at,
      processor,
      endpoint: event.recipient.endpoint,
      region,
      countries: recipient.endpoint?.countries ?? [],
      transfer: event.transfer ? `${event.transfer.country} (${event.transfer.mechanism})` : null,
      task: event.model?.task ?? 'unknown',
      purpose: event.purpose,
      paths,
      held: retention.held,
      by_todays_register: retention.now && {
        until: retention.now.to === null ? null : new Date(retention.now.to).toISOString(),
        in_interval: touches(retention.now, interval),
      },
      masking:
        minimisation === null
          ? 'unmasked'
          : outcome !== 'completed'
            ? 'unconfirmed'
            : sumOf(minimisation.after) === 0
              ? 'masked'
              : 'partly_masked',
      before: minimisation?.before ?? {},
      after: minimisation?.after ?? {},
      without_outcome: outcome !== 'completed',
      another_register: event.recipient.register_hash !== registerHash,
    }
  }
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

function countSubjects() {
  const known = new Set<string>()
  let linked = false
  let beyond = false
  return {
    add: (ids: readonly string[] | null): void => {
      linked ||= ids !== null
      for (const id of ids ?? []) {
        if (known.size < SUBJECTS_MAX) known.add(id)
        else beyond ||= !known.has(id)
      }
    },
    /** The links of erased documents are gone with them. */
    result: (erased: number) => (linked ? { count: known.size, at_least: beyond || erased > 0 } : null),
  }
}

function notesOf({ rules: { register } }: ReportServices, asked: Asked): string[] {
  const unread = register.processors.filter(
    ({ key, subprocessors, deployment }) => !subprocessors.read && deployment === 'hosted' && !asked.keys.has(key),
  )
  return [
    'A retention that was unknown when a call was made counts as without end, until somebody proves the contrary.',
    'Facts of the register are those of its present file; where a call was made under another file, calls_under_another_register counts it.',
    'Data subjects are counted by the identifiers that rules found: who has two may count twice, and who is named in running text alone does not count. Of erased documents nobody is counted any more.',
    ...(unread.length === 0
      ? []
      : [
          `Nobody has read the subprocessors of ${unread.map(({ key }) => key).join(', ')}: the company may stand behind them too, and such calls are not counted.`,
        ]),
  ]
}
