import { lineAt, type ReadPage, type Span } from './reading.ts'

/** Things found in a document, in order, and by the line that they begin on: rules ask what is near, and must not search everything each time. */
export interface LineIndex<V> {
  all: readonly V[]
  onLine(page: ReadPage, line: number): readonly V[]
}

/** Where most things begin, for `indexByLine`. */
export function spanStart({ span }: { span: Span }): number {
  return span.start
}

/** `startOf` gives a thing's offset in its page's text. */
export function indexByLine<V>(
  pages: readonly ReadPage[],
  find: (page: ReadPage) => readonly V[],
  startOf: (value: V) => number,
): LineIndex<V> {
  const all: V[] = []
  const byPage = new Map<ReadPage, Map<number, V[]>>()
  for (const page of pages) {
    const lines = new Map<number, V[]>()
    for (const value of find(page)) {
      const line = lineAt(page.lines, startOf(value))
      const known = lines.get(line)
      if (known) known.push(value)
      else lines.set(line, [value])
      all.push(value)
    }
    byPage.set(page, lines)
  }
  return { all, onLine: (page, line) => byPage.get(page)?.get(line) ?? [] }
}
