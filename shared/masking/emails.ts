import { isLetterOrDigit, matchAt } from './characters.ts'
import type { Candidate } from './finding.ts'
import type { Source } from './source.ts'

/** RFC 5321, 4.5.3.1.1. */
const LOCAL_PART_LENGTH_MAX = 64

/** Mail addresses in the common form of RFC 5321 and, for letters beyond ASCII, RFC 6531: a local part without quotes, a domain with a dot. */
export function* findEmails({ text }: Source): Generator<Candidate> {
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    const start = localPartStart(text, at)
    const domain = matchAt(DOMAIN, text, at)
    if (start < at && domain) yield { kind: 'email', start, end: at + domain[0].length, certainty: 'checked' }
  }
}

const LOCAL_SIGNS = new Set('._%+-')
const DOMAIN = /@(?:[\p{L}\d](?:[\p{L}\d-]{0,61}[\p{L}\d])?\.){1,5}[\p{L}]{2,24}(?![\p{L}\d])/uy

function localPartStart(text: string, at: number): number {
  let start = at
  while (at - start < LOCAL_PART_LENGTH_MAX && (isLetterOrDigit(text.charCodeAt(start - 1)) || LOCAL_SIGNS.has(text[start - 1] ?? '')))
    start -= 1
  while (start < at && text[start] === '.') start += 1
  return start
}
