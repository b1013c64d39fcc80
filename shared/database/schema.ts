import type { ColumnType, Generated } from 'kysely'
import type { DataClass, DocumentStatus, MediaType, Sensitivity, StageView } from '../contracts/document.ts'
import type { ErasureGround, ErasureState, HoldReason, ItemState, RestrictionGround } from '../contracts/erasure.ts'
import type { ErrorCode } from '../contracts/errors.ts'
import type { DocumentType, FieldStatus, Page, ReviewOutcome } from '../contracts/extraction.ts'
import type { Stage } from '../contracts/jobs.ts'
import type { Outcome } from '../contracts/records.ts'
import type { RuleKind } from '../contracts/rule-files.ts'
import type { FoundIn, SubjectRequestKind, SubjectRequestState } from '../contracts/subjects.ts'

type Timestamp = ColumnType<Date, Date | undefined, Date>
type NullableTimestamp = ColumnType<Date | null, Date | null | undefined, Date | null>
type Bigint = ColumnType<string, number | string, number | string>

/** What a stage is waiting for, as the database has it. */
export type StageStatus = StageView['status']

interface Owned {
  tenant_id: string
  document_id: string
}

/** Columns named `sealed` are encrypted under the document's own key (shared/blobs/keys.ts); nothing else here holds content or names. */
export interface Tables {
  tenants: {
    id: string
    name: string
    wrapped_key: Buffer
    embedder: string | null
    default_sensitivity: ColumnType<Sensitivity | null, Sensitivity | undefined>
    default_data_classes: ColumnType<DataClass[] | null, DataClass[] | undefined>
    created_at: Timestamp
  }
  api_keys: {
    id: string
    tenant_id: string
    name: string
    secret_hash: Buffer
    scopes: string[]
    created_at: Timestamp
    revoked_at: NullableTimestamp
  }
  documents: {
    id: string
    tenant_id: string
    status: DocumentStatus
    error_code: ErrorCode | null
    revision: number
    live_revision: number | null
    media_type: MediaType
    bytes: Bigint
    sensitivity: Sensitivity
    data_classes: DataClass[]
    purpose: string
    content_commit: Buffer | null
    dedupe_hmac: Buffer | null
    sealed_annex: Buffer | null
    type: string | null
    language: string | null
    /** The schema that the upload named: its newest version is looked up when the document is enriched. */
    schema_name: ColumnType<string | null, string | null | undefined>
    created_at: Timestamp
    completed_at: NullableTimestamp
    erased_at: NullableTimestamp
    /** Stored and nothing else (Art. 18). */
    restricted_at: NullableTimestamp
    restriction_ground: ColumnType<RestrictionGround | null, undefined, RestrictionGround | null>
    /** The API key whose ground stands; null where a rule of retention met a hold. */
    restricted_by: ColumnType<string | null, undefined, string | null>
    /** By the rules when they were last looked at (shared/database/retention.ts). */
    retention_rule: ColumnType<string | null, undefined, string | null>
    erase_after: NullableTimestamp
    /** Until when a hold stands; far away where it has no end. */
    held_until: NullableTimestamp
  }
  /** What stands against an erasure (Art. 17(3)), and the API key that said so last. `sealed_text` is under the document's key. */
  holds: Owned & { key_id: string; reason: HoldReason; until: NullableTimestamp; sealed_text: Buffer | null; created_at: Timestamp }
  erasure_requests: {
    id: string
    tenant_id: string
    /** The API key that asked; null where a rule of retention did. */
    key_id: string | null
    ground: ErasureGround | null
    scope: string
    retention_rule: string | null
    received_at: Timestamp
    due_at: Timestamp
    extended_at: NullableTimestamp
    /** Under a key of the tenant's. */
    sealed_extension: ColumnType<Buffer | null, undefined, Buffer>
    state: Generated<ErasureState>
    completed_at: NullableTimestamp
    /** The signed note that was issued last. */
    certificate: ColumnType<string | null, undefined, string>
    /** The event that holds the note's hash. */
    certificate_event: ColumnType<string | null, undefined, string>
    /** When one is to be issued: at the end, and again when what remained until a day is gone. */
    certificate_due_at: NullableTimestamp
  }
  erasure_items: Owned & {
    request_id: string
    state: ItemState
    refusal: ColumnType<HoldReason | null, HoldReason | undefined, never>
    hold_until: ColumnType<Date | null, Date | null | undefined, never>
    erased_at: NullableTimestamp
  }
  /** One row (shared/policy/clock-guard.ts). */
  retention_clock: {
    one: Generated<boolean>
    looks: Bigint
    broken_look: Bigint
    observed_at: Date
    steady_ms: Bigint
    vouched_ms: Bigint
    trusted_at: NullableTimestamp
    jumped_at: NullableTimestamp
    jumped_ms: ColumnType<string | null, number | null, number | null>
    rules_hash: string
    rules_ms: Bigint
  }
  retention_confirmations: { tenant_id: string; confirmed_at: Date; vouched_ms: Bigint }
  revisions: Owned & {
    revision: number
    cause: 'upload' | 'version' | 'reprocess'
    /** Pages with text from which fields were read; null until they were. */
    pages_read: number | null
    /** `Producers` as JSON; null until fields were read, and where that was before this was kept. */
    produced_by: ColumnType<unknown, undefined, string>
    created_at: Timestamp
    completed_at: NullableTimestamp
    /** By which of the tenant's own schemas the fields were read. */
    schema_name: ColumnType<string | null, undefined, string | null>
    schema_version: ColumnType<number | null, undefined, number | null>
    schema_hash: ColumnType<string | null, undefined, string | null>
  }
  stages: Owned & {
    revision: number
    stage: Stage
    status: StageStatus
    epoch: number
    starts: number
    queued_at: Timestamp
    started_at: NullableTimestamp
    finished_at: NullableTimestamp
    error_code: ErrorCode | null
    /** The rules (`refusedUnder` of shared/runtime/rules.ts) that refused this stage, the newest last: it is not made due again under one of them. */
    refused_under: Generated<string[]>
    /** The epochs of the starts that have begun and not said that their work has returned (open-starts.ts). */
    open_epochs: Generated<number[]>
  }
  extraction_schemas: {
    tenant_id: string
    name: string
    version: number
    document_type: DocumentType | null
    /** Canonical JSON (RFC 8785). */
    json_schema: string
    hash: string
    created_at: Timestamp
    deleted_at: NullableTimestamp
  }
  pages: Owned & {
    revision: number
    number: number
    method: Page['method']
    characters: number
    reason: Page['reason']
    sealed_text: Buffer
  }
  fields: Owned & { revision: number; name: string; status: FieldStatus; sealed_content: Buffer }
  /** `sealed_content` is under the document's key. `reviewed_by`: an API key. */
  field_reviews: Owned & {
    id: string
    revision: number
    name: string
    outcome: ReviewOutcome
    reviewed_by: string
    event_id: string
    sealed_content: Buffer
    created_at: Timestamp
  }
  chunks: Owned & { id: string; revision: number; ordinal: number; page: number; start: number; end: number }
  /** Identifiers as keyed hashes; the random ids say nothing about whom they stand for. */
  subject_identifiers: { tenant_id: string; kind: string; identifier_hmac: Buffer; subject_id: string }
  document_subjects: Owned & { revision: number; subject_id: string; found_in: FoundIn }
  /**
   * `key_id`: the API key that registered it. `identifiers`: JSON of HMACs. `named_documents`: what its packages named; ids say nothing once a document is
   * erased.
   */
  subject_requests: {
    id: string
    tenant_id: string
    key_id: string
    kind: SubjectRequestKind
    identifiers: string
    received_at: Timestamp
    due_at: Timestamp
    extended_at: NullableTimestamp
    /** Under a key of the tenant's. */
    sealed_extension: ColumnType<Buffer | null, undefined, Buffer>
    state: Generated<SubjectRequestState>
    answered_at: NullableTimestamp
    named_documents: Generated<string[]>
  }
  events: {
    seq: Generated<string>
    id: string
    tenant_id: string
    document_ids: string[]
    phase: string
    closes: string | null
    body: string
    created_at: Timestamp
    /** What the view of the record filters by, as the body says it: `describe_event` of migration 0011 fills it in where a writer does not. */
    occurred_at: ColumnType<Date, Date | string | undefined, never>
    operation: ColumnType<string | null, string | undefined, never>
    outcome: ColumnType<Outcome | null, Outcome | undefined, never>
    purpose: ColumnType<string | null, string | null | undefined, never>
    legal_basis: ColumnType<string | null, string | null | undefined, never>
    processor: ColumnType<string | null, string | null | undefined, never>
  }
  /** The API key that ordered an event, where no other row keeps it (shared/database/event-actors.ts). */
  event_actors: { event_id: string; tenant_id: string; key_id: string }
  /** By which API key somebody looked at what erasure takes away, and why; the reason under a key of the tenant's. */
  record_accesses: { id: string; tenant_id: string; key_id: string; sealed_justification: Buffer; created_at: Timestamp }
  /** Model calls that have begun and not yet ended: what a crash leaves here is closed as `outcome_unknown`. */
  open_intents: { event_id: string; tenant_id: string; created_at: Timestamp }
  /** Events that are in no log yet; written with each event, deleted by the sequencer. */
  ledger_queue: { tenant_id: string; event_seq: Bigint }
  ledger_leaves: { tenant_id: string; leaf_index: Bigint; event_seq: Bigint }
  /** `edge`: `encodeEdge` of shared/ledger/tiles.ts for `size`. */
  ledger_logs: { tenant_id: string; size: Bigint; edge: Buffer }
  ledger_tiles: { tenant_id: string; level: number; index: Bigint; hashes: Buffer }
  ledger_checkpoints: { tenant_id: string; size: Bigint; note: string; created_at: Timestamp }
  /** `size`: of the newest checkpoint that this target took; 0: none yet. */
  ledger_pushes: { tenant_id: string; target: string; size: Bigint; attempted_at: Timestamp; succeeded_at: NullableTimestamp }
  /** `sealed_seed` under the tenant's ledger key; null once another key follows. `rotation`: how this key followed from the one before. */
  ledger_keys: {
    tenant_id: string
    generation: number
    vkey: string
    sealed_seed: Buffer | null
    rotation: string | null
    created_at: Timestamp
  }
  /** `shared/database/rule-files.ts`; `hash` is of `bytes`, computed by PostgreSQL. */
  rule_files: {
    kind: RuleKind
    hash: ColumnType<string, never, never>
    bytes: ColumnType<Buffer, Buffer, never>
    kept_at: ColumnType<Date, never, never>
  }
  /** The register's roll-up of the log (shared/database/register.ts); `leaves`: how many leaves of the log are in it. */
  register_observations: {
    tenant_id: string
    day: string
    purpose: string
    kind: string
    name: string
    events: Bigint
    first_seen: Timestamp
    last_seen: Timestamp
  }
  register_documents: Owned & { category: string }
  register_cursors: { tenant_id: string; leaves: Bigint }
  /** `rebuild_id`: the rebuild of its store that leaves the erased bytes behind; null: none yet. */
  artifacts: Owned & {
    kind: string
    store: string
    locator: string
    registered_at: Timestamp
    erased_at: NullableTimestamp
    rebuild_id: ColumnType<string | null, undefined, string | null>
  }
  /** Of a store that deletes softly; one of each at most is not finished. */
  store_rebuilds: { id: string; store: string; started_at: Timestamp; finished_at: NullableTimestamp }
  outbox: Owned & { id: Generated<string>; stage: Stage; revision: number; due_at: Timestamp }
  idempotency: Owned & { key_hmac: Buffer; request_hmac: Buffer; answer: string; created_at: Timestamp }
}
