import { withTenant } from '../../../shared/database/connection.ts'
import { readPages, replaceFields } from '../../../shared/database/content.ts'
import { judgeClaims } from '../../../shared/inference/extraction/judge.ts'
import { schemaFor } from '../../../shared/inference/extraction/shipped.ts'
import type { ModelGateway } from '../../../shared/inference/gateway.ts'
import { estimateTokens } from '../../../shared/inference/token-estimate.ts'
import { openKeys, type StageHandler, type StageServices } from '../stage.ts'
import { subjectOf } from '../subject.ts'

/** Pages → type, language and typed fields, each with its evidence. */
export function createEnrich({ database, vault, gateway }: StageServices & { gateway: ModelGateway }): StageHandler {
  return async (run) => {
    const { key, signal } = run
    const keys = await openKeys(vault, run)
    const pages = await withTenant(database, key.tenant_id, (tx) => readPages(tx, key, keys))
    const tokens = estimateTokens(pages.map((page) => page.text))
    const call = { tenant_id: key.tenant_id, step: 'enrich', subjects: [subjectOf(run)], tokens, signal }
    const { value: kind } = await gateway.call({ ...call, task: 'classify', language: null }, (provider, callSignal) =>
      provider.classify(pages, callSignal),
    )
    const { language } = kind
    const schema = schemaFor(kind.type)
    const { value: claims } = await gateway.call({ ...call, task: 'extract', language, schema_hash: schema.hash }, (provider, callSignal) =>
      provider.extract(pages, { schema, language }, callSignal),
    )
    const fields = judgeClaims(claims, pages, language)
    return {
      write: async (tx) => {
        await replaceFields(tx, key, keys, fields)
        await tx.updateTable('documents').set({ type: kind.type, language }).where('id', '=', key.document_id).execute()
      },
      event: { operation: 'Infer', provenance: 'derived' },
    }
  }
}
