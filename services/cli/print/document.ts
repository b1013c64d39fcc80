import type { DocumentView } from '../../../shared/contracts/document.ts'
import type { Evidence, Field } from '../../../shared/contracts/extraction.ts'
import type { Output } from '../output.ts'
import { alignRows } from './table.ts'
import { clean, countText, languageText, quoted, secondsText, shorten } from './text.ts'

const VALUE_CHARACTERS_MAX = 44
const EVIDENCE_CHARACTERS_MAX = 72

type Printable = Pick<DocumentView, 'status' | 'error_code' | 'type' | 'language' | 'fields'> & {
  document_id: string | null
  title: string
  /** Why it failed, in words. */
  reason?: string | undefined
  pages: ReadonlyArray<{ number: number; method: string; characters: number; reason?: string | null }>
  seconds?: number
}

/** A document in a few lines: what it is, then its fields with page and quote. */
export function printDocument(output: Output, document: Printable): void {
  const { paint } = output
  output.line(`${paint('bold', clean(document.title))}  ${paint('dim', document.document_id ?? 'not taken in')}`)
  output.line(`  ${summary(output, document)}`)
  if (document.reason) output.line(`  ${paint('red', clean(document.reason))}`)
  for (const page of document.pages) if (page.reason) output.line(`  page ${page.number} has no text (${clean(page.reason)})`)
  const rows = Object.entries(document.fields).map(([name, field]) => fieldRow(name, field))
  for (const line of alignRows(rows)) output.line(`    ${line}`)
  output.line()
}

function summary(output: Output, document: Printable): string {
  const code = document.error_code ? ` (${clean(document.error_code)})` : ''
  const failed = document.error_code !== null
  const parts = [
    output.paint(failed ? 'red' : document.status === 'completed' ? 'green' : 'yellow', `${document.status}${code}`),
    document.type && clean(document.type).replaceAll('_', ' '),
    document.language && languageText(document.language),
    document.pages.length > 0 && countText(document.pages.length, 'page'),
    document.pages.length > 0 &&
      countText(
        document.pages.reduce((sum, page) => sum + page.characters, 0),
        'character',
      ),
    document.seconds !== undefined && secondsText(document.seconds),
  ]
  return parts.filter(Boolean).join(' · ')
}

function fieldRow(name: string, field: Field): string[] {
  return [clean(name), shorten(clean(field.value), VALUE_CHARACTERS_MAX), field.status, evidenceText(field.evidence[0])]
}

function evidenceText(evidence: Evidence | undefined): string {
  return evidence ? `p. ${evidence.page}  ${quoted(evidence.quote, EVIDENCE_CHARACTERS_MAX)}` : ''
}
