import type { NameRecogniser } from '../../../shared/masking/recogniser.ts'

/** Knows a list of names, and finds each place where they stand, or only the first one as a model that overlooks some. */
export function listedNames(names: readonly string[], mode: 'all' | 'first' = 'all'): NameRecogniser {
  return {
    kinds: ['name'],
    recognise: async (text) =>
      names.flatMap((name) => {
        const found: { kind: 'name'; start: number; end: number }[] = []
        for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + name.length)) {
          found.push({ kind: 'name', start: at, end: at + name.length })
          if (mode === 'first') break
        }
        return found
      }),
  }
}
