import type { AnnexView } from '../../../shared/contracts/record.ts'
import type { AnnexCheck } from '../../../shared/ledger/annex-commitment.ts'
import type { Output } from '../output.ts'
import { alignRows } from './table.ts'
import { clean } from './text.ts'

/** What a document's annex says, and whether an event committed to it. Without a check there is no annex. */
export function printAnnex(output: Output, annex: AnnexView, check: AnnexCheck | null): void {
  if (annex === null || check === null) {
    output.line('  annex: none; the document is erased or restricted')
    return
  }
  const { file_name, metadata, uploaded_by } = annex
  const rows = [
    ['file', file_name ?? '-'],
    ['uploaded by', uploaded_by ? [uploaded_by.name, `(key ${uploaded_by.key_id})`].filter(Boolean).join(' ') : '-'],
    ...Object.entries(metadata).map(([name, value]) => [`metadata ${name}`, value]),
  ]
  for (const line of alignRows(rows.map((row) => row.map(clean)))) output.line(`  ${line}`)
  output.line(`  annex: ${wordsOf(output, check)}`)
}

/** Of many annexes: how many are as they were committed to, and each that is not. */
export function printAnnexChecks(output: Output, checks: readonly (AnnexCheck & { document_id: string })[]): void {
  if (checks.length === 0) return
  const of = (state: AnnexCheck['state']) => checks.filter((check) => check.state === state).length
  const counts = [
    `annexes: ${of('committed')} as committed`,
    of('differs') > 0 && `${of('differs')} not`,
    of('unknown') > 0 && `${of('unknown')} to which none of these events commits (greffier record ID --annex)`,
  ]
  output.line(output.paint('dim', counts.filter(Boolean).join(', ')))
  for (const check of checks) if (check.state === 'differs') output.line(`${check.document_id}  annex: ${wordsOf(output, check)}`)
}

function wordsOf(output: Output, check: AnnexCheck): string {
  switch (check.state) {
    case 'committed':
      return `as committed in event ${check.event_id}`
    case 'differs':
      return output.paint('red', `differs from what was committed in event ${check.event_id}`)
    case 'unknown':
      return 'none of these events commits to it'
  }
}
