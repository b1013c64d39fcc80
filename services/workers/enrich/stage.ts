import { withTenant } from '../../../shared/database/connection.ts'
import { readPages, replaceFields } from '../../../shared/database/content.ts'
import { judgeClaims } from '../../../shared/inference/extraction/judge.ts'
import { schemaFor } from '../../../shared/inference/extraction/shipped.ts'
import type { ModelGateway } from '../../../shared/inference/gateway.ts'
import { openKeys, type StageHandler, type StageServices } from '../stage.ts'
import { subjectOf } from '../subject.ts'

/** Pages → type, language and typed fields, each with its evidence. */
export function createEnrich({ database, vault, gateway }: StageServices & { gateway: ModelGateway }): StageHandler {
  return async (run) => {
    const { key, signal } = run
    const keys = await openKeys(vault, run)
    const pages = await withTenant(database, key.tenant_id, (tx) => readPages(tx, key, keys))
    const call = { tenant_id: key.tenant_id, step: 'enrich', subjects: [subjectOf(run)], signal }
    const { value: kind } = await gateway.call({ ...call, task: 'classify' }, (provider, callSignal) =>
      provider.classify(pages, callSignal),
    )
    const request = { schema: schemaFor(kind.type), language: kind.language }
    const { value: claims } = await gateway.call({ ...call, task: 'extract' }, (provider, callSignal) =>
      provider.extract(pages, request, callSignal),
    )
    const fields = judgeClaims(claims, pages, kind.language)
    return {
      write: async (tx) => {
        await replaceFields(tx, key, keys, fields)
        await tx.updateTable('documents').set({ type: kind.type, language: kind.language }).where('id', '=', key.document_id).execute()
      },
      event: { operation: 'Infer', provenance: 'derived' },
    }
  }
}
