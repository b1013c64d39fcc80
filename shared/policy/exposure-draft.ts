import type { ExposureReport, ExposureTotals } from '../contracts/exposure.ts'

const HOUR_MS = 3_600_000
const TO_FILL_IN = '**[to be filled in]**'

export interface DraftSettings {
  /** GDPR Art. 33(1): 72. */
  notificationHours: number
  dpoContact: string | null
}

/** Whole hours that are left of the time for a notification, rounded down; negative: overdue. Counted from when the controller became aware (Art. 33(1)). */
export function hoursLeft(awareAt: string, now: string, notificationHours: number): number {
  return Math.floor(notificationHours - (Date.parse(now) - Date.parse(awareAt)) / HOUR_MS)
}

/** A notification to the authority with the fields of GDPR Art. 33(3), as far as the record tells; everything else says that it is to be filled in. Markdown. */
export function draftNotification(
  report: ExposureReport & { totals: ExposureTotals },
  awareAt: string | null,
  { notificationHours, dpoContact }: DraftSettings,
): string {
  const { asked, totals } = report
  return [
    '# Notification of a personal data breach (GDPR Art. 33): draft',
    `Made from the processing record on ${report.generated_at}, report ${report.report_id}, register ${report.register_hash}. A person decides whether and what to notify.`,
    '## Time (Art. 33(1))',
    ...timeLines(awareAt, report.generated_at, notificationHours),
    '## (a) Nature of the breach',
    `Processor or company concerned: ${text(asked.processor)}. Interval: ${asked.from} to ${asked.to}. What happened: ${TO_FILL_IN}`,
    `What it held in the interval, by the record: ${totals.documents} documents, sent in ${totals.calls} calls (first ${totals.first_sent ?? 'none'}, last ${totals.last_sent ?? 'none'}); ${totals.calls_without_outcome} calls without a known outcome count as sent; ${totals.calls_without_document} calls held a question and no document.`,
    `- Approximate number of data subjects: ${subjectsText(totals)}`,
    `- Categories of data subjects: ${countsText(totals.subject_categories)}`,
    `- Approximate number of personal data records (documents): ${totals.documents}`,
    `- Categories of personal data: ${countsText(totals.data_categories)}; ${totals.documents_without_categories} documents without a category on record`,
    `- Special categories (Art. 9): ${totals.documents_special} documents. Criminal convictions and offences (Art. 10): ${totals.documents_criminal} documents`,
    `- Countries: ${totals.countries.map(text).join(', ') || 'not known'}. Transfers on record: ${totals.transfers.map(text).join(', ') || 'none'}`,
    ...report.paths.map(
      (path) =>
        `- Path: ${text(path.processor)}, ${text(path.endpoint)}, region ${text(path.region)}${path.subprocessor === null ? '' : `, subprocessor ${text(path.subprocessor)}`}: ${path.documents} documents, calls: ${countsText(path.masking)}${path.known_then ? '' : ' (known only from today’s register)'}${path.known_now ? '' : ' (not in today’s register any more)'}`,
    ),
    '## (b) Contact',
    `Data protection officer or other contact point: ${dpoContact === null ? TO_FILL_IN : text(dpoContact)}`,
    '## (c) Likely consequences',
    `${TO_FILL_IN} What the record says of the risk:`,
    `- Masked before sending (calls): ${countsText(totals.masking)}. Found in the texts: ${countsText(totals.kinds_before)}; left in what was sent: ${countsText(totals.kinds_after)}`,
    `- Sensitivity (documents): ${countsText(totals.sensitivity)}`,
    `- ${totals.still_held ? `Held without a known end: the retention of ${totals.documents_unknown_retention} documents was unknown when they were sent` : `Held at the latest until ${totals.held_until ?? 'not known'}`}; by the register of today ${totals.documents_released_by_todays_register} documents were not held any more in the interval`,
    '## (d) Measures',
    `Taken or proposed: ${TO_FILL_IN}`,
    `- On record: ${totals.documents_erased} of these documents have been erased here since; that erases nothing at the processor`,
    '## What these numbers do not say',
    ...report.notes.map((note) => `- ${text(note)}`),
    '',
  ].join('\n\n')
}

function timeLines(awareAt: string | null, now: string, notificationHours: number): string[] {
  if (awareAt === null) return [`The controller became aware at: ${TO_FILL_IN} (${notificationHours} hours are counted from then)`]
  const left = hoursLeft(awareAt, now, notificationHours)
  const aware = `The controller became aware at ${awareAt}. Hours left of ${notificationHours}: ${left}`
  return left >= 0 ? [aware] : [`${aware}: overdue`, `Reasons for the delay (Art. 33(1)): ${TO_FILL_IN}`]
}

function subjectsText({ subjects, documents, documents_erased }: ExposureTotals): string {
  if (subjects === null) {
    const why =
      documents > 0 && documents_erased === documents
        ? 'all of these documents are erased'
        : 'rules found no identifier of a person in these documents'
    return `not known: ${why}. ${TO_FILL_IN}`
  }
  return `${subjects.at_least ? 'at least ' : ''}${subjects.count}`
}

function countsText(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([name, count]) => `${text(name)} ${count}`)
  return parts.join(', ') || 'none on record'
}

/** One line, and nothing in it is Markdown or HTML. */
function text(value: string): string {
  return value.replace(/\s+/g, ' ').replace(/[\\`*_[\]<>|#]/g, '\\$&')
}
