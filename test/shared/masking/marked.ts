import type { MaskKind } from '../../../shared/contracts/masking.ts'

/** `geb. {birth_date:12.03.1980}`: the text without the marks, and what they mark. */
export function readMarked(marked: string): { text: string; expected: string[] } {
  const expected: string[] = []
  const text = marked.replace(/\{([a-z_]+):([^}]*)\}/g, (_, kind: MaskKind, value: string) => {
    expected.push(`${kind} ${value}`)
    return value
  })
  return { text, expected }
}
