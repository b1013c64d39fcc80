import type { Classification } from '../../../shared/contracts/classification.ts'
import type { Page } from '../../../shared/contracts/extraction.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import { countCharacters, readPages, replaceFields } from '../../../shared/database/content.ts'
import { findSensitive } from '../../../shared/inference/builtin/sensitive.ts'
import { judgeClaims } from '../../../shared/inference/extraction/judge.ts'
import { schemaFor } from '../../../shared/inference/extraction/shipped.ts'
import type { CallSubject, ModelGateway } from '../../../shared/inference/gateway.ts'
import { estimateTokens } from '../../../shared/inference/token-estimate.ts'
import { raise } from '../../../shared/policy/raise.ts'
import { openKeys, type StageHandler, type StageServices } from '../stage.ts'
import { subjectOf } from '../subject.ts'
import type { TextRoom } from '../text-room.ts'

interface EnrichServices extends StageServices {
  gateway: ModelGateway
  room: TextRoom
}

/** Pages → type, language, classes and typed fields, each with its evidence. */
export function createEnrich(services: EnrichServices): StageHandler {
  const { database, vault, room } = services
  return async (run) => {
    const { key, signal } = run
    const leave = await room.enter(await withTenant(database, key.tenant_id, (tx) => countCharacters(tx, key)), signal)
    try {
      const keys = await openKeys(vault, run)
      const pages = await withTenant(database, key.tenant_id, (tx) => readPages(tx, key, keys))
      const { kind, subject, fields } = await read(services, subjectOf(run), pages, { tenantId: key.tenant_id, signal })
      const { sensitivity, data_classes } = subject
      return {
        write: async (tx) => {
          await replaceFields(tx, key, keys, fields)
          await tx
            .updateTable('documents')
            .set({ type: kind.type, language: kind.language, sensitivity, data_classes: [...data_classes] })
            .where('id', '=', key.document_id)
            .execute()
        },
        event: {
          operation: 'Infer',
          provenance: 'derived',
          sensitivity,
          special: data_classes.includes('special') || sensitivity === 'special',
          criminal: data_classes.includes('criminal'),
          data_categories: kind.data_categories,
          subject_categories: kind.subject_categories,
        },
      }
    } finally {
      leave()
    }
  }
}

/**
 * What may be shown to whom is decided before any model sees the text: rules here may raise the classes that were declared, and what a model says of
 * the document raises them for the calls that follow.
 */
async function read(
  { gateway }: EnrichServices,
  declared: CallSubject,
  pages: readonly Page[],
  { tenantId, signal }: { tenantId: string; signal: AbortSignal },
) {
  const found = findSensitive(pages)
  const asFound = { ...declared, ...raise(declared, found.data_classes), data_categories: found.data_categories }
  const tokens = estimateTokens(pages.map((page) => page.text))
  const call = { tenant_id: tenantId, step: 'enrich', tokens, signal }

  const { value: kind } = await gateway.call({ ...call, task: 'classify', language: null, subjects: [asFound] }, (provider, callSignal) =>
    provider.classify(pages, callSignal),
  )
  const known: Classification = { ...kind, data_categories: [...new Set([...found.data_categories, ...kind.data_categories])] }
  const subject = {
    ...asFound,
    ...raise(asFound, kind.data_classes),
    data_categories: known.data_categories,
    subject_categories: kind.subject_categories,
  }

  const { language } = kind
  const schema = schemaFor(kind.type)
  const extracted = await gateway.call(
    { ...call, task: 'extract', language, subjects: [subject], schema_hash: schema.hash },
    (provider, callSignal) => provider.extract(pages, { schema, language }, callSignal),
  )
  const fields = judgeClaims(extracted.value.claims, { pages, schema, language, byRules: !extracted.provider.languageModel })
  return { kind: known, subject, fields }
}
