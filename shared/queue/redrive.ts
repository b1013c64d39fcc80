import { type Database, withSystem, withTenant } from '../database/connection.ts'
import { listRefused, type RefusedDocument, redriveRefused } from '../database/redrive.ts'
import type { Log } from '../runtime/log.ts'
import { type Passes, startPasses } from '../runtime/passes.ts'

const BATCH_DOCUMENTS = 100
/** A worker that still runs under the old rules may refuse once more what was made due again, and at midnight a fact may turn. */
const EVERY_MS = 60_000

/**
 * Documents that other rules refused are made due again: at once, when a process starts under new rules, and from time to time for what an older
 * process refuses while both run, and for what a fact refused that has turned since. Under the same rules nothing is refused twice by this.
 */
export function startRedrive(options: { database: Database; refusedUnder: () => string; log: Log; everyMs?: number }): Passes {
  const { database, refusedUnder, log, everyMs = EVERY_MS } = options
  return startPasses({
    work: async (closing) => {
      const { length: count } = await redriveOnce(database, refusedUnder(), closing)
      if (count > 0) log.info({ count }, 'documents that other rules had refused go on')
    },
    everyMs,
    log,
    failure: 'refused documents could not be looked through; the next pass repeats it',
  })
}

/**
 * One pass over all tenants, a batch a transaction; resolves with the ids of the documents that it made due again. Any number of processes may run it at once:
 * each document goes to one of them. Ends between two batches when `signal` aborts.
 */
export async function redriveOnce(database: Database, refusedUnder: string, signal?: AbortSignal): Promise<string[]> {
  const redriven: string[] = []
  let after: string | null = null
  do {
    const from: string | null = after
    const refused: RefusedDocument[] = await withSystem(database, (tx) => listRefused(tx, refusedUnder, from, BATCH_DOCUMENTS))
    for (const [tenantId, ids] of byTenant(refused))
      redriven.push(...(await withTenant(database, tenantId, (tx) => redriveRefused(tx, tenantId, ids, refusedUnder))))
    after = refused.length < BATCH_DOCUMENTS ? null : (refused.at(-1)?.document_id ?? null)
  } while (after !== null && !signal?.aborted)
  return redriven
}

function byTenant(documents: readonly RefusedDocument[]): Map<string, string[]> {
  const ids = new Map<string, string[]>()
  for (const { tenant_id, document_id } of documents) ids.set(tenant_id, [...(ids.get(tenant_id) ?? []), document_id])
  return ids
}
