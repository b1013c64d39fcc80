/**
 * The one table that answers HTTP and queue: code → status (RFC 9110), title (RFC 9457), retry class.
 * `transient` is repeated with backoff, `later` is repeated when its time has come and counts as no start, `poison` fails for good and can be redriven,
 * `policy` is refused and never repeated.
 */
export const ERRORS = {
  INVALID_REQUEST: { status: 400, title: 'The request is not valid', retry: 'poison' },
  UNAUTHENTICATED: { status: 401, title: 'A valid API key is required', retry: 'poison' },
  SCOPE_MISSING: { status: 403, title: 'The API key lacks the scope', retry: 'poison' },
  POLICY_REFUSED: { status: 403, title: 'The policy allows no provider for this data', retry: 'policy' },
  NOT_FOUND: { status: 404, title: 'There is no such resource', retry: 'poison' },
  DOCUMENT_NOT_FOUND: { status: 404, title: 'There is no such document', retry: 'poison' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'The resource does not allow this method', retry: 'poison' },
  IDEMPOTENCY_CONFLICT: { status: 409, title: 'The Idempotency-Key was used with another request', retry: 'poison' },
  DOCUMENT_NOT_READY: { status: 409, title: 'The document has not come that far', retry: 'poison' },
  DOCUMENT_ERASED: { status: 410, title: 'The document was erased', retry: 'poison' },
  DOCUMENT_RESTRICTED: { status: 423, title: 'The processing of the document is restricted', retry: 'later' },
  DOCUMENT_HELD: { status: 409, title: 'A hold stands against the erasure of the document', retry: 'poison' },
  ERASURE_NOT_FOUND: { status: 404, title: 'There is no such request for erasure', retry: 'poison' },
  ERASURE_NOT_EXTENDABLE: { status: 409, title: 'The request is done, overdue or was extended before', retry: 'poison' },
  ERASURE_NOT_DONE: { status: 409, title: 'The erasure is still under way', retry: 'poison' },
  CLOCK_DISPUTED: { status: 409, title: 'The clock of the database differs from yours', retry: 'poison' },
  DOCUMENT_TOO_LARGE: { status: 413, title: 'The document is larger than allowed', retry: 'poison' },
  UNSUPPORTED_TYPE: { status: 415, title: 'The type of the document is not supported', retry: 'poison' },
  TYPE_MISMATCH: { status: 415, title: 'The content contradicts the file extension or media type', retry: 'poison' },
  EMPTY_DOCUMENT: { status: 422, title: 'The document has no bytes', retry: 'poison' },
  SCHEMA_TOO_LARGE: { status: 413, title: 'The schema is larger than allowed', retry: 'poison' },
  SCHEMA_NOT_FOUND: { status: 404, title: 'There is no such schema', retry: 'poison' },
  PROCESSOR_NOT_FOUND: { status: 404, title: 'The register holds no such processor or subprocessor', retry: 'poison' },
  SCHEMA_UNKNOWN: { status: 422, title: 'The upload names a schema that the organisation does not have', retry: 'poison' },
  SCHEMA_LIMIT: { status: 409, title: 'The organisation has as many schemas as it may keep', retry: 'poison' },
  NOTHING_TO_REDRIVE: { status: 409, title: 'The document neither failed nor was refused', retry: 'poison' },
  FIELD_UNKNOWN: { status: 404, title: 'The schema of the document has no such field', retry: 'poison' },
  FIELD_INVALID: { status: 422, title: 'The field cannot have this value', retry: 'poison' },
  FIELD_CHANGED: { status: 409, title: 'The field or the document is no longer what the request was made for', retry: 'poison' },
  FIELD_REVIEW_LIMIT: { status: 409, title: 'The fields of the document were reviewed as often as is kept', retry: 'poison' },
  SUBJECT_REQUEST_NOT_FOUND: { status: 404, title: 'There is no such request of a data subject', retry: 'poison' },
  CHECKPOINT_CONFLICT: { status: 409, title: 'Another checkpoint of this log and size is kept', retry: 'poison' },
  JUSTIFICATION_REQUIRED: { status: 400, title: 'Access to names in records needs a written justification', retry: 'poison' },
  EXPORT_TOO_LARGE: { status: 422, title: 'The export would be longer than its format allows', retry: 'poison' },
  EXPORT_ABORTED: { status: 400, title: 'The reader of the export left before its end', retry: 'poison' },
  SUBJECT_REQUEST_NOT_EXTENDABLE: { status: 409, title: 'The request is answered, overdue or was extended before', retry: 'poison' },
  SUBJECT_REQUEST_WITHOUT_PACKAGE: { status: 409, title: 'Requests of this kind are answered without a package', retry: 'poison' },
  NOTHING_PORTABLE: { status: 409, title: 'No document of the person rests on consent or contract', retry: 'poison' },
  UPLOAD_ABORTED: { status: 400, title: 'The upload ended early', retry: 'poison' },
  RATE_LIMITED: { status: 429, title: 'Too many requests', retry: 'transient' },
  INTERNAL: { status: 500, title: 'Something failed on our side', retry: 'transient' },
  UNAVAILABLE: { status: 503, title: 'A service that this needs is not reachable', retry: 'transient' },
  STORAGE_FULL: { status: 507, title: 'The storage is full', retry: 'transient' },

  NO_TEXT: { status: 422, title: 'The document contains no text', retry: 'poison' },
  PDF_ENCRYPTED: { status: 422, title: 'The PDF needs a password', retry: 'poison' },
  DOCUMENT_UNREADABLE: { status: 422, title: 'The document is damaged or not what it claims to be', retry: 'poison' },
  ORIGINAL_MISSING: { status: 500, title: 'The stored original of the document is not there', retry: 'poison' },
  EXTRACTION_LIMIT: { status: 422, title: 'Reading the document took more memory, time or output than allowed', retry: 'poison' },
  EXTRACTOR_CRASHED: { status: 500, title: 'The text extractor ended without an answer', retry: 'transient' },
  ATTEMPTS_EXHAUSTED: { status: 500, title: 'The stage was started too often without finishing', retry: 'poison' },
  STAGE_TIMEOUT: { status: 504, title: 'The stage took longer than allowed', retry: 'transient' },
  STALE_EPOCH: { status: 409, title: 'Another worker has taken over this stage', retry: 'poison' },
  REVISION_SUPERSEDED: { status: 409, title: 'A newer revision of the document has taken over', retry: 'poison' },
  INDEX_INCOMPLETE: { status: 500, title: 'The search store does not hold what was written', retry: 'transient' },
  ERASURE_INCOMPLETE: { status: 500, title: 'A store still holds something of the erased document', retry: 'transient' },
  EMBEDDER_MISMATCH: { status: 409, title: 'The tenant is bound to another embedder', retry: 'poison' },
  MODEL_UNAVAILABLE: { status: 502, title: 'The model provider did not answer', retry: 'transient' },
  MODEL_BUSY: { status: 503, title: 'The model provider asks to wait', retry: 'later' },
  BUDGET_EXHAUSTED: { status: 429, title: 'The budget of the day for model calls is used up', retry: 'later' },
  BUDGET_TOO_SMALL: { status: 422, title: 'One model call needs more than the budget of a whole day', retry: 'poison' },
  SCHEMA_INVALID: { status: 422, title: 'The schema cannot be used to read documents', retry: 'poison' },
  MODEL_REFUSED: { status: 502, title: 'The model provider rejected the request', retry: 'poison' },
  MODEL_OUTPUT_INVALID: { status: 502, title: 'The model did not return what was asked for', retry: 'transient' },
  MASKING_UNAVAILABLE: { status: 503, title: 'The recogniser that masking needs did not answer', retry: 'transient' },
  DECRYPTION_FAILED: { status: 500, title: 'Stored data could not be authenticated', retry: 'poison' },
} as const satisfies Record<string, { status: number; title: string; retry: 'transient' | 'later' | 'poison' | 'policy' }>

export type ErrorCode = keyof typeof ERRORS

/**
 * The only error that crosses a boundary. `detail` is shown to the caller and kept in logs: never put content or personal data in it.
 * `extra` becomes RFC 9457 extension members.
 */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly detail: string | undefined
  readonly extra: Readonly<Record<string, unknown>>
  readonly retryAfterSeconds: number | undefined

  constructor(
    code: ErrorCode,
    detail?: string,
    options: { cause?: unknown; extra?: Record<string, unknown>; retryAfterSeconds?: number } = {},
  ) {
    super(detail ? `${code}: ${detail}` : code, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.detail = detail
    this.extra = options.extra ?? {}
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** What any thrown value is to the outside: its own code when it is ours, INTERNAL otherwise. */
export function errorCode(error: unknown): ErrorCode {
  return error instanceof AppError ? error.code : 'INTERNAL'
}
