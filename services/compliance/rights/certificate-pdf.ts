import type { Readable } from 'node:stream'
import type { CertificateAnswer, CertificateStatus, ErasureCertificate } from '../../../shared/contracts/erasure-certificate.ts'
import { type Section, writePdf } from '../pdf/report.ts'

const GROUNDS: Record<NonNullable<ErasureCertificate['ground']>, string> = {
  '17-1-a': 'Art. 17(1)(a): no longer necessary for its purpose',
  '17-1-b': 'Art. 17(1)(b): consent was withdrawn',
  '17-1-c': 'Art. 17(1)(c): the person objected (Art. 21)',
  '17-1-d': 'Art. 17(1)(d): it was processed unlawfully',
  '17-1-e': 'Art. 17(1)(e): a legal obligation to erase',
  '17-1-f': 'Art. 17(1)(f): collected from a child for an online service (Art. 8(1))',
}

/** The certificate for people: what was signed, in words. What counts is the note, whose hash it names. The same certificate is the same file. */
export function writeCertificatePdf({ certificate, hash, event_id, vkey, note }: CertificateAnswer): Readable {
  return writePdf({
    title: 'Certificate of erasure',
    subtitle: `Request ${certificate.erasure_id}, issued ${timeText(certificate.issued_at)}`,
    sections: [
      verdict(certificate),
      request(certificate),
      stores(certificate),
      residuals(certificate),
      notices(certificate),
      refusals(certificate),
      documents(certificate),
      {
        heading: 'How to check it',
        paragraphs: [
          'This page is a reading of a signed note, and the note is what counts: take it as JSON from the same address and run `greffier erasures check FILE --vkey KEY` with the key of the log that you pinned. No server is needed.',
          'When it was issued is shown by the log of the organisation, which holds the hash in the event named here; the JSON brings the proof of that along.',
        ],
        facts: [
          ['SHA-256 of the note', hash],
          ['event in the log', event_id],
          ['key that signed', vkey],
          ['signature', note.trimEnd().split('\n').at(-1) ?? ''],
        ],
      },
    ],
    footer: `Erasure ${certificate.erasure_id} · organisation ${certificate.controller_ref}`,
    date: new Date(certificate.issued_at),
  })
}

function verdict({ status, documents, refusals }: ErasureCertificate): Section {
  return {
    heading: statusText(status),
    paragraphs: [
      `${counted(documents.length, 'document')} erased${refusals.length === 0 ? '' : `, ${counted(refusals.length, 'document')} kept for a reason of Art. 17(3)`}. Nothing is called complete while something of it remains anywhere.`,
    ],
  }
}

function statusText(status: CertificateStatus): string {
  switch (status.state) {
    case 'complete':
      return 'Complete: nothing remains'
    case 'residual_until':
      return `Erased; what remains is gone after ${timeText(status.until)}`
    case 'logical_only':
      return 'No read finds it; something remains whose end nobody knows'
  }
}

function request({ ground, retention_rule, scope, received_at, due_at }: ErasureCertificate): Section {
  const why =
    ground !== null ? GROUNDS[ground] : retention_rule !== null ? `the retention rule ${retention_rule}` : 'by its id; no ground was given'
  return {
    heading: 'The request',
    facts: [
      ['why', why],
      ['scope', scopeText(scope)],
      ['received', timeText(received_at)],
      ['due (Art. 12(3))', timeText(due_at)],
    ],
  }
}

function scopeText(scope: ErasureCertificate['scope']): string {
  if ('document_ids' in scope) return `${counted(scope.document_ids.length, 'document')} by id`
  if ('filter' in scope)
    return Object.entries(scope.filter)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')
  if ('subject_id' in scope) return `the person with the id ${scope.subject_id}`
  return `a person known by ${scope.identified_by.join(', ')}; ids here: ${scope.subject_ids.join(', ') || 'none, nothing was held'}`
}

function stores({ stores: all, destroyed_keys }: ErasureCertificate): Section {
  return {
    heading: 'Stores',
    paragraphs: [`${counted(destroyed_keys.length, 'document key')} destroyed. Each store was read back; \`left\` is what was found.`],
    table: {
      columns: [
        { title: 'store', width: 2 },
        { title: 'what', width: 3 },
        { title: 'method', width: 5 },
        { title: 'count', width: 1.2 },
        { title: 'left', width: 1 },
        { title: 'no read found it from', width: 3 },
        { title: 'bytes gone', width: 3 },
      ],
      rows: all.map(({ store, kind, method, count, probe, logical_at, physical_at }) => [
        store,
        kind,
        method,
        String(count),
        String(probe.remaining),
        timeText(logical_at),
        physical_at === null ? 'when the store is rebuilt' : timeText(physical_at),
      ]),
    },
  }
}

function residuals({ residuals: all, kept }: ErasureCertificate): Section {
  return {
    heading: 'What remains',
    paragraphs: all.length === 0 ? ['With others: nothing.'] : [],
    table: {
      columns: [
        { title: 'with', width: 2 },
        { title: 'name', width: 5 },
        { title: 'until', width: 3 },
      ],
      rows: [
        ...all.map(({ holder, name, until }) => [holder, name, until === null ? 'no known end' : timeText(until)]),
        ...kept.map((what) => ['on purpose', what, 'kept']),
      ],
    },
  }
}

function notices({ notices: all }: ErasureCertificate): Section {
  if (all.length === 0) return { heading: 'Recipients (Art. 19)', paragraphs: ['The documents were disclosed to nobody outside.'] }
  return {
    heading: 'Recipients (Art. 19)',
    paragraphs: ['They were sent something of it and are to be told of the erasure.'],
    table: {
      columns: [
        { title: 'processor', width: 2 },
        { title: 'endpoint', width: 4 },
        { title: 'region', width: 1.5 },
        { title: 'calls', width: 1 },
        { title: 'last sent', width: 2.5 },
      ],
      rows: all.map(({ processor, endpoint, region, operations, last_sent_at }) => [
        processor,
        endpoint,
        region,
        String(operations),
        timeText(last_sent_at),
      ]),
    },
  }
}

function refusals({ refusals: all }: ErasureCertificate): Section {
  if (all.length === 0) return { heading: 'Refusals (Art. 17(3))', paragraphs: ['None.'] }
  return {
    heading: 'Refusals (Art. 17(3))',
    table: {
      columns: [
        { title: 'document', width: 5 },
        { title: 'reason', width: 3 },
        { title: 'hold until', width: 3 },
      ],
      rows: all.map(({ document_id, reason, hold_until }) => [
        document_id,
        `Art. ${reason.replace(/^17-3-(.)$/, '17(3)($1)')}`,
        hold_until === null ? 'no end was set' : timeText(hold_until),
      ]),
    },
  }
}

function documents({ documents: ids }: ErasureCertificate): Section {
  const half = Math.ceil(ids.length / 2)
  return {
    heading: 'Documents',
    ...(ids.length === 0
      ? { paragraphs: ['None.'] }
      : {
          table: {
            columns: [
              { title: 'id', width: 1 },
              { title: '', width: 1 },
            ],
            rows: ids.slice(0, half).map((id, at) => [id, ids[half + at] ?? '']),
          },
        }),
  }
}

/** UTC, to the second. */
function timeText(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
