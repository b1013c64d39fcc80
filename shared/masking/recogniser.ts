import type { Finding } from './finding.ts'

/** What a recogniser finds: names, and addresses where it knows places. UTF-16 offsets. */
export interface Recognised extends Finding {
  kind: 'name' | 'address'
}

/** A model that knows names, on a server of the operator's own. */
export interface NameRecogniser {
  /** What it looks for: it is asked when a rule wants one of these. */
  readonly kinds: readonly Recognised['kind'][]
  /** `language` is ISO 639-1 or null. Throws AppError MASKING_UNAVAILABLE when there is no answer that can be relied on; the caller's reason when its signal aborts. */
  recognise(text: string, language: string | null, signal: AbortSignal): Promise<Recognised[]>
}

/** One that is asked over the network: the record names it wherever it is shown a text. */
export interface ServedRecogniser extends NameRecogniser {
  readonly server: {
    /** Origin of its URL. */
    readonly endpoint: string
    /** Who runs it. */
    readonly entity: string
  }
}
