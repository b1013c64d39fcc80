/** One chunk as the search store keeps it: a vector and keyed token hashes, no readable text. */
export interface Point {
  /** UUIDv5 of document, revision and ordinal: writing it twice leaves one. */
  id: string
  document_id: string
  revision: number
  /** Unit length; null where the policy lets no embedder see the document: it is then found by its tokens alone. */
  vector: Float32Array | null
  tokens: TokenCounts
}

/** Unsigned 32-bit keyed hash of a token → how often it occurs. See tokens.ts. */
export type TokenCounts = ReadonlyMap<number, number>

export interface SearchQuery {
  tenant_id: string
  vector: Float32Array | null
  tokens: TokenCounts
  limit: number
  document_ids?: readonly string[] | undefined
}

/** `score` is the fused reciprocal rank (Cormack, Clarke, Büttcher, SIGIR 2009, k = 60): comparable within one answer only. */
export interface SearchStoreHit {
  id: string
  document_id: string
  revision: number
  score: number
}

export interface RevisionScope {
  tenant_id: string
  document_id: string
  revision: number
}

/**
 * Where chunks are found. Adapters: sqlite.ts (embedded default) and qdrant.ts; one contract suite holds both.
 * A hit is a candidate only: the caller serves it when it joins a live revision in the catalogue.
 * Every method throws AppError UNAVAILABLE when the store does not answer.
 */
export interface SearchStore {
  /** Named in the artifact list and the record: `sqlite` or `qdrant`. */
  readonly name: string
  /**
   * Removes what the scope held and writes `points`; when it resolves they are stored and searchable. `expectTime` is called before each request that
   * writes, and what it throws ends the writing.
   */
  replace(scope: RevisionScope, points: readonly Point[], expectTime?: () => void): Promise<void>
  count(scope: RevisionScope): Promise<number>
  query(query: SearchQuery): Promise<SearchStoreHit[]>
  /** Removes every revision of the document, or only those before `beforeRevision`. Idempotent. */
  remove(document: { tenant_id: string; document_id: string; beforeRevision?: number | undefined }): Promise<void>
  /** Points left of a document, over all revisions: the probe after an erasure. */
  countDocument(document: { tenant_id: string; document_id: string }): Promise<number>
  /**
   * Makes the bytes of what was removed go away. Null: there is nothing to do, because the store overwrites what it removes (SQLite). A store that only
   * marks it as deleted (Qdrant) is built anew from what is wanted, and the old one is dropped; searches and writers go on meanwhile.
   */
  readonly rebuild: ((options: RebuildOptions) => Promise<RebuildResult>) | null
  /** Resolves when the store answers; throws UNAVAILABLE otherwise. For readiness. */
  ping(): Promise<void>
  close(): Promise<void>
}

/** One rebuild at a time: the caller sees to that. */
export interface RebuildOptions {
  /**
   * By document, the first revision that is still wanted; infinity: it is erased. A document that the answer leaves out is unknown and kept whole.
   * It is asked after each point where something could come back, so it has to tell what is committed by then.
   */
  wantedFrom(documentIds: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** Whether snapshots, which the store keeps apart and a rebuild does not reach, count as backups elsewhere. */
  snapshotsAreBackups: boolean
  /** An earlier rebuild that was stopped on its way has been brought to its end: what was removed before that one began is gone. */
  onTakenUp(): Promise<void>
  /** Nothing has been read yet: what is removed by now is not carried over. */
  onBegin(): Promise<void>
  onStep(step: RebuildStep): void
  signal: AbortSignal
}

export type RebuildStep = { step: 'taking_up' | 'switched' | 'settling' | 'dropped' } | { step: 'copied'; points: number; of: number }

/** `blocked`: there are snapshots, which hold what is to go away, and nobody counts them as backups; nothing was changed. */
export type RebuildResult = { state: 'rebuilt'; points: number } | { state: 'blocked'; snapshots: number }
