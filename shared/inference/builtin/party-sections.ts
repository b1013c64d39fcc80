import type { InvoiceLabel } from './invoice-vocabulary.ts'
import { type Label, type Labels, nextLabel } from './labels.ts'
import type { ReadPage } from './reading.ts'

/** The lines that a label such as "Bill to" says are about one party. */
export interface Section {
  kind: 'seller' | 'buyer' | 'delivery'
  label: Label<InvoiceLabel>
  /** Index of the line after the last one. */
  lineEnd: number
}

/** A block about a party is rarely longer. Lines. */
const SECTION_LINES_MAX = 8

/** An invoice has two or three; more are words in prose. */
const SECTIONS_MAX = 50

export function findSections(labels: Labels<InvoiceLabel>): Section[] {
  const sections: Section[] = []
  for (const label of labels.all) {
    if (sections.length === SECTIONS_MAX) break
    const kind = partyOf(label)
    if (kind && isHead(labels, label)) sections.push({ kind, label, lineEnd: sectionEnd(labels, label) })
  }
  return sections
}

/** Whose block the line is part of; the nearest head counts. */
export function sectionAt(sections: readonly Section[], page: ReadPage, line: number): Section['kind'] | null {
  return sections.findLast(({ label, lineEnd }) => label.page === page && label.line <= line && line < lineEnd)?.kind ?? null
}

/** Labels that a block about a party may hold without ending. */
const INSIDE: ReadonlySet<InvoiceLabel> = new Set([
  ...([
    'name',
    'address',
    'vat_id',
    'vat_id_it',
    'vat_id_es',
    'vat_id_gb',
    'buyer_vat_id',
    'foreign',
    'number_sign',
    'iban',
    'seller',
    'buyer',
  ] as const),
])

function partyOf(label: Label<InvoiceLabel>): Section['kind'] | null {
  return label.kind === 'seller' || label.kind === 'buyer' || label.kind === 'delivery' ? label.kind : null
}

/** The label begins its line or column, and ends it, or is followed by a colon or another label: not the same word in a sentence. */
function isHead(labels: Labels<InvoiceLabel>, label: Label<InvoiceLabel>): boolean {
  const line = label.page.lines[label.line]
  if (!line) return false
  const next = nextLabel(labels, label)
  const ahead = label.page.text.slice(Math.max(line.start, label.start - 3), label.start)
  const after = label.page.text.slice(label.end, Math.min(line.end, label.end + 40))
  const begins =
    /^[\s*#_|(-]*$/.test(label.page.text.slice(line.start, Math.min(label.start, line.start + 20))) && label.start <= line.start + 20
  if (!begins && !/[\t|]\s*$| {2}$/.test(ahead) && !(label.position > 0 && /^\W*$/.test(ahead))) return false
  const nextTouches = next !== null && !/[\p{L}\d]/u.test(label.page.text.slice(label.end, Math.min(next.start, label.end + 40)))
  return /^[\s*_.)]*(?:$|[:\t|])/.test(after) || nextTouches || (label.words > 1 && /^ \p{Lu}/u.test(after))
}

/** Up to the next head, or the first label of something else; a line that has the name before that label still counts. */
function sectionEnd(labels: Labels<InvoiceLabel>, head: Label<InvoiceLabel>): number {
  const last = Math.min(head.line + 1 + SECTION_LINES_MAX, head.page.lines.length)
  for (let at = head.line + 1; at < last; at += 1) {
    const line = head.page.lines[at]
    const stop = labels.onLine(head.page, at).find((label) => !INSIDE.has(label.kind) || (partyOf(label) !== null && isHead(labels, label)))
    if (stop && line) return stop.start <= line.start + 2 ? at : at + 1
  }
  return last
}
