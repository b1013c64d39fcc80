import { AppError } from '../contracts/errors.ts'
import type { MaskCounts, MaskKind } from '../contracts/masking.ts'
import type { NameRecogniser } from './recogniser.ts'
import { openSession } from './session.ts'

export interface MaskerOptions {
  /** What a rule of the policy asks for. */
  kinds: readonly MaskKind[]
  /** Without one, names are not looked for; assertMasked says what that means. */
  recogniser?: NameRecogniser
}

export interface Masker {
  /** For one call: all its texts share the session, and with it the placeholders. `language` is ISO 639-1, `country` ISO 3166. */
  open(language: string | null, country?: string | null): MaskingSession
}

/** Holds the vault in memory: nothing of it can be serialised, and it ends with the session. */
export interface MaskingSession {
  /** Throws AppError MASKING_UNAVAILABLE when the recogniser does not answer: then there is no masked text, and no call. */
  mask(text: string, signal: AbortSignal): Promise<string>
  /** The texts of one call in order. Better than one after the other: a name that the recogniser sees in the last one is masked in the first as well. */
  maskAll(texts: readonly string[], signal: AbortSignal): Promise<string[]>
  /** Every known placeholder becomes what stood there, spelled as it was, so a quote fits its page. Unknown ones stay; see unknownPlaceholders. */
  unmask(text: string): string
  /** The same for every string in a JSON value; names of keys stay. Throws MODEL_OUTPUT_INVALID for a value that is nested too deep. */
  unmaskDeep(value: unknown): unknown
  /** Placeholders in unmasked texts that this session never gave out: a model made them up. */
  unknownPlaceholders(): number
  /** Occurrences masked, and those that rules and known values still find in the masked texts. Kinds that nothing looked for are absent. */
  counts(): { before: MaskCounts; after: MaskCounts }
  /** Kinds asked for that nothing looks for: `name` without a recogniser. */
  readonly unsearched: readonly MaskKind[]
  /** False from the first text on that could not be masked. */
  isWhole(): boolean
}

export function createMasker({ kinds, recogniser }: MaskerOptions): Masker {
  return { open: (language, country = null) => openSession({ kinds, recogniser, language, country }) }
}

/**
 * To be called after masking and before a byte leaves. Throws MASKING_UNAVAILABLE when a text could not be masked. With `strict` (special categories,
 * Art. 9 GDPR; criminal data, Art. 10) throws POLICY_REFUSED when a kind asked for was not looked for, or something asked for is still found.
 */
export function assertMasked(session: MaskingSession, { strict }: { strict: boolean }): void {
  if (!session.isWhole()) throw new AppError('MASKING_UNAVAILABLE', 'a text of the call was not masked')
  if (!strict) return
  if (session.unsearched.length > 0)
    throw new AppError('POLICY_REFUSED', `nothing here recognises what the rule wants masked: ${session.unsearched.join(', ')}`)
  const left = Object.entries(session.counts().after).filter(([, count]) => count > 0)
  if (left.length > 0) throw new AppError('POLICY_REFUSED', `after masking there is still found: ${left.map(([kind]) => kind).join(', ')}`)
}
