import { type Cell, toCsv } from '../../../shared/exports/csv.ts'

const COLUMNS = ['document_id', 'section', 'item', 'value'] as const

/**
 * A package as rows, one for each value: RFC 4180, with the mark of UTF-8, and nothing begins with what a spreadsheet would compute (such a value, a telephone
 * number with + among them, has an apostrophe before it).
 */
export function packageCsv({ documents, ...whole }: { documents: readonly { document_id: string }[] }): string {
  const rows = [...sections(null, whole), ...documents.flatMap(({ document_id, ...document }) => sections(document_id, document))]
  return toCsv([COLUMNS, ...rows], { bom: true })
}

function sections(documentId: string | null, values: object): Cell[][] {
  return Object.entries(values).flatMap(([section, value]) => leaves(value).map(([item, leaf]) => [documentId ?? '', section, item, leaf]))
}

/** Every value with the path that leads to it, `0.quote`. */
function leaves(value: unknown, path = ''): [string, string][] {
  if (value === null || value === undefined) return []
  if (typeof value !== 'object') return [[path, String(value)]]
  return Object.entries(value).flatMap(([name, child]) => leaves(child, path === '' ? name : `${path}.${name}`))
}
