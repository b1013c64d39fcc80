import type { ProcessingEvent } from '../../../shared/contracts/record.ts'
import { describeRetention } from '../../../shared/database/events.ts'
import type { Hold } from '../../../shared/database/restrictions.ts'
import { type ProcessorRegister, subprocessorsOn } from '../../../shared/policy/register.ts'
import { last, type OwnData } from './own-data.ts'

/** Art. 15(1)(d): where no rule says until when, by what that is decided. */
const RETENTION_CRITERIA =
  'No rule ends it by a day: it is kept as long as its purpose needs it, and erased by hand or on request (Art. 17).'

/** What goes for every document (Art. 15(1)(e), (f), (h)). */
export const ACCESS_STATEMENTS = {
  rights: ['rectification (Art. 16)', 'erasure (Art. 17)', 'restriction of processing (Art. 18)', 'objection (Art. 21)'],
  complaint:
    'You may lodge a complaint with a supervisory authority, in particular where you live, work or see the infringement (Art. 77).',
  automated_decisions:
    'The software classifies documents, reads fields from them and finds passages; it takes no decision about persons and makes no profile of them (Art. 22). What it was used for in each document is under `logic`. Whether the controller decides by machine alone with what it read, the controller has to say.',
} as const

/** What one document holds of a person, line by line of Art. 15(1) and (2). */
export function describeForSubject(
  { row, events, ownEvents, metadata, fields, passages, mask }: OwnData,
  hold: Hold | null,
  register: ProcessorRegister,
) {
  const { retention } = describeRetention(row)
  return {
    document_id: row.id,
    type: row.type,
    received_at: row.created_at.toISOString(),
    // (a)
    purpose: row.purpose,
    activity: last(ownEvents.map(({ activity_ref }) => activity_ref)),
    legal_basis: last(ownEvents.map(({ legal_basis }) => legal_basis)),
    art9_basis: last(ownEvents.map(({ art9_basis }) => art9_basis)),
    // (b)
    sensitivity: row.sensitivity,
    data_classes: row.data_classes,
    data_categories: [...new Set(ownEvents.flatMap((event) => event.data_categories))],
    // (c), and (2)
    recipients: recipientsOf(events, register),
    // (d)
    retention: retention
      ? { rule: retention.rule, erase_after: retention.erase_after, criteria: null }
      : { rule: null, erase_after: null, criteria: RETENTION_CRITERIA },
    hold: hold && { reason: hold.reason, until: hold.until?.toISOString() ?? null },
    restricted: row.restricted_at && { since: row.restricted_at.toISOString(), ground: row.restriction_ground },
    // (g)
    source: 'Uploaded to the controller’s system; who had supplied it before, the controller has to say where it was not you.',
    // (3)
    provided: metadata,
    fields: fields.map(([name, { field, read }]) => ({
      name,
      value: mask(field.value),
      status: field.status,
      provenance: field.status === 'corrected' ? 'corrected by a person' : 'derived',
      corrected_from: field.status === 'corrected' && read !== null ? mask(read.value) : null,
      reviewed_at: field.review?.reviewed_at ?? null,
      evidence: field.evidence.map(({ page, quote }) => ({ page, quote: mask(quote) })),
    })),
    passages,
    // (h)
    logic: logicOf(events),
  }
}

/** Those who were in fact shown something, not those who might have been (CJEU C-154/21); where the outcome is unknown it may have arrived. */
export function recipientsOf(events: readonly ProcessingEvent[], register: ProcessorRegister) {
  return [...processorsOf(events, register), ...recognisersOf(events)]
}

/** What the event does not say of a transfer or of retention is what the register says today. */
function processorsOf(events: readonly ProcessingEvent[], register: ProcessorRegister) {
  const sent = events.filter(({ recipient, phase }) => recipient !== null && (phase === 'completed' || phase === 'outcome_unknown'))
  const groups = Map.groupBy(sent, ({ recipient }) => `${recipient?.processor} ${recipient?.endpoint} ${recipient?.region}`)
  return [...groups.values()].flatMap((calls) => {
    const [first] = calls
    if (!first?.recipient) return []
    const { processor, endpoint, region } = first.recipient
    // Further down the chain on the day of the last call, as the register knew it then.
    const day = (calls.at(-1)?.time ?? first.time).slice(0, 10)
    const known = register.processors.find(({ key }) => key === processor)
    return [
      {
        kind: 'processor' as const,
        processor,
        legal_entity: known?.legal_entity.entity ?? null,
        country: known?.legal_entity.country ?? null,
        endpoint,
        region,
        calls: calls.length,
        from: first.time,
        to: calls.at(-1)?.time ?? first.time,
        transfer: last(calls.map(({ transfer }) => transfer)),
        transfer_safeguard: known?.transfer.mechanism ?? 'unknown',
        provider_retention: last(calls.map(({ provider_retention }) => provider_retention)),
        provider_retention_days: known?.retention.days ?? null,
        subprocessors: (known ? subprocessorsOn(known, day) : []).map(({ entity, country }) => ({ entity, country })),
        subprocessors_known: known?.subprocessors.read ?? false,
      },
    ]
  })
}

/**
 * Who was shown text unmasked to say where names stand in it. A call that was refused once its text had been masked counts: the processor saw nothing, the
 * recogniser did. Of a call that was refused before, the event names no recogniser.
 */
function recognisersOf(events: readonly ProcessingEvent[]) {
  const shown = events.flatMap(({ minimisation, phase, time }) =>
    minimisation?.recogniser && phase !== 'intent' ? [{ ...minimisation.recogniser, time }] : [],
  )
  const groups = Map.groupBy(shown, ({ entity, endpoint }) => `${entity} ${endpoint}`)
  return [...groups.values()].flatMap((calls) => {
    const [first] = calls
    if (!first) return []
    const { entity, endpoint, time } = first
    const to = calls.at(-1)?.time ?? time
    return [{ kind: 'recogniser' as const, legal_entity: entity, endpoint, calls: calls.length, from: time, to }]
  })
}

function logicOf(events: readonly ProcessingEvent[]) {
  const used = events.flatMap(({ step, model, phase }) =>
    model && phase !== 'intent' && phase !== 'refused'
      ? [{ step, task: model.task, model: model.returned ?? model.requested, language_model: model.language_model }]
      : [],
  )
  return [...new Map(used.map((one) => [JSON.stringify(one), one])).values()]
}
