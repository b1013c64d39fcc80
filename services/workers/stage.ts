import type { DocumentKeys, Vault } from '../../shared/blobs/vault.ts'
import type { ErrorCode } from '../../shared/contracts/errors.ts'
import type { Stage } from '../../shared/contracts/jobs.ts'
import type { EventDraft } from '../../shared/contracts/record.ts'
import type { Database, Tx } from '../../shared/database/connection.ts'
import type { RevisionKey } from '../../shared/database/content.ts'
import type { DocumentRow } from '../../shared/database/documents.ts'
import type { TenantKeys } from '../../shared/database/tenants.ts'

/** One start of one stage, with everything that a handler may need of the document. */
export interface StageRun {
  document: DocumentRow
  key: RevisionKey
  epoch: number
  tenantKeys: TenantKeys
  /** Aborts at the stage's timeout and when the worker has to stop. */
  signal: AbortSignal
  /** Throws STAGE_TIMEOUT when the time is over, also in a process that stood still and heard no signal. To be called before each write to a store. */
  expectTime(): void
  /** To be called when a store gave no answer to a write, which it may carry out after this start has ended: an erasure then waits as for a start without an end. */
  leaveUnanswered(): void
}

/**
 * What a handler hands back. `write` runs in the transaction that first checks the fence and the tombstone and last makes the next stage due:
 * all of it commits, or nothing does. `probe` reads back for the event what `write` left. `failed` ends the document with a reason although the stage's findings are kept.
 */
export interface StageResult {
  write: (tx: Tx) => Promise<void>
  event: Omit<EventDraft, 'phase' | 'step'>
  probe?: (tx: Tx) => Promise<Pick<EventDraft, 'stores'>>
  failed?: ErrorCode
  /** What was done holds so far and has to be done once more after this time. */
  againInMs?: number
}

export type StageHandler = (run: StageRun) => Promise<StageResult>
/** A stage that is in the table of jobs and has no handler does not compile. */
export type StageHandlers = { readonly [Name in Stage]: StageHandler }

/** What several stages receive. */
export interface StageServices {
  database: Database
  vault: Vault
}

export function openKeys(vault: Vault, run: StageRun): Promise<DocumentKeys> {
  return vault.keys({ tenantKey: run.tenantKeys.documents, tenantId: run.key.tenant_id, documentId: run.key.document_id })
}
