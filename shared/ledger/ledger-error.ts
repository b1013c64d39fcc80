/**
 * What can be wrong with a value, a text or a proof of the ledger. `TILE_MISSING` and `OUT_OF_RANGE` are mistakes of the caller or its store; all
 * others say that the input is not to be trusted.
 */
export type LedgerErrorCode =
  | 'NOT_CANONICAL'
  | 'KEY_MALFORMED'
  | 'NOTE_MALFORMED'
  | 'NOTE_UNSIGNED'
  | 'SIGNATURE_WRONG'
  | 'CHECKPOINT_MALFORMED'
  | 'ORIGIN_WRONG'
  | 'PROOF_MALFORMED'
  | 'PROOF_WRONG'
  | 'ROTATION_MALFORMED'
  | 'ROTATION_WRONG'
  | 'BUNDLE_MALFORMED'
  | 'TILE_MISSING'
  | 'OUT_OF_RANGE'

/** The only error that `shared/ledger` throws on purpose. `detail` names the place, never the content. */
export class LedgerError extends Error {
  readonly code: LedgerErrorCode
  readonly detail: string

  constructor(code: LedgerErrorCode, detail: string, options: { cause?: unknown } = {}) {
    super(`${code}: ${detail}`, options)
    this.name = 'LedgerError'
    this.code = code
    this.detail = detail
  }
}
