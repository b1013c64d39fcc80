import { AppError } from '../../../shared/contracts/errors.ts'

const CHARACTERS_MIN = 20
const CHARACTERS_MAX = 2_000
/** RFC 8187, 3.2.1: for text that a header cannot carry as it is. */
const EXTENDED = /^UTF-8''(.*)$/i
const WANTED = `the header Justification says in ${CHARACTERS_MIN} to ${CHARACTERS_MAX} characters why it is needed; other than in ASCII as UTF-8''… (RFC 8187)`

/** The text of the header `Justification`. Throws JUSTIFICATION_REQUIRED where there is none, or none that says anything. */
export function readJustification(headers: Readonly<Record<string, string | string[] | undefined>>): string {
  const header = headers.justification
  const text = typeof header === 'string' ? decode(header).trim() : ''
  const length = [...text].length
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what no terminal should be shown later
  if (length < CHARACTERS_MIN || length > CHARACTERS_MAX || /[\u0000-\u001f\u007f]/.test(text))
    throw new AppError('JUSTIFICATION_REQUIRED', WANTED)
  return text
}

function decode(header: string): string {
  const extended = EXTENDED.exec(header)?.[1]
  try {
    if (extended !== undefined) return decodeURIComponent(extended)
    // Node reads headers as Latin-1; what a terminal sends is UTF-8.
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(header, 'latin1'))
  } catch (cause) {
    throw new AppError('JUSTIFICATION_REQUIRED', WANTED, { cause })
  }
}
