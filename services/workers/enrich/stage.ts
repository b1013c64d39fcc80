import { withTenant } from '../../../shared/database/connection.ts'
import { readPages, replaceFields } from '../../../shared/database/content.ts'
import type { ModelGateway } from '../../../shared/inference/gateway.ts'
import { openKeys, type StageHandler, type StageServices } from '../stage.ts'
import { subjectOf } from '../subject.ts'

/** Pages → type, language and typed fields, each with its evidence. */
export function createEnrich({ database, vault, gateway }: StageServices & { gateway: ModelGateway }): StageHandler {
  return async (run) => {
    const { key, signal } = run
    const keys = await openKeys(vault, run)
    const pages = await withTenant(database, key.tenant_id, (tx) => readPages(tx, key, keys))
    const { value: found } = await gateway.call(
      { tenant_id: key.tenant_id, task: 'extract', step: 'enrich', subjects: [subjectOf(run)], signal },
      (provider, callSignal) => provider.enrich(pages, callSignal),
    )
    return {
      write: async (tx) => {
        await replaceFields(tx, key, keys, found.fields)
        await tx.updateTable('documents').set({ type: found.type, language: found.language }).where('id', '=', key.document_id).execute()
      },
      event: { operation: 'Infer', provenance: 'derived' },
    }
  }
}
