import { sql } from 'kysely'
import { deleteContent } from '../../../shared/database/content.ts'
import type { SearchStore } from '../../../shared/search/port.ts'
import type { StageHandler } from '../stage.ts'

/** The new revision is live: what the earlier ones left in the stores goes, and the document is completed. */
export function createDone({ search }: { search: SearchStore }): StageHandler {
  return async ({ key }) => {
    const earlier = key.revision > 1
    if (earlier) await search.remove({ tenant_id: key.tenant_id, document_id: key.document_id, beforeRevision: key.revision })
    return {
      write: async (tx) => {
        if (earlier) await deleteContent(tx, key.document_id, key.revision)
        await tx
          .updateTable('revisions')
          .set({ completed_at: sql<Date>`now()` })
          .where('document_id', '=', key.document_id)
          .where('revision', '=', key.revision)
          .execute()
        await tx
          .updateTable('documents')
          .set({ status: 'completed', error_code: null, completed_at: sql<Date>`now()` })
          .where('id', '=', key.document_id)
          .execute()
      },
      event: { operation: 'Store', provenance: 'derived' },
    }
  }
}
