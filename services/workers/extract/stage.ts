import { openAnnex } from '../../../shared/database/annex.ts'
import { replacePages } from '../../../shared/database/content.ts'
import { hashIdentifiers, replaceSubjects } from '../../../shared/database/subjects.ts'
import { findInPages, inMetadata as inAnnex } from '../../../shared/masking/subjects.ts'
import type { StageHandler, StageServices } from '../stage.ts'
import type { Extractor } from './extractor.ts'

/** Bytes → pages. A document without any text keeps its (empty) pages with their reasons, and fails as NO_TEXT. */
export function createExtract({ vault, extractor }: StageServices & { extractor: Extractor }): StageHandler {
  return async ({ key, document, tenantKeys, signal }) => {
    const original = { tenantKey: tenantKeys.documents, tenantId: key.tenant_id, documentId: key.document_id }
    const { keys, plain } = await vault.read(original)
    const reopen = async () => (await vault.read(original)).plain
    const pages = await extractor.extract(plain, { tenantId: key.tenant_id, mediaType: document.media_type, reopen }, signal)
    const readable = pages.some((page) => page.method !== 'no_text')
    const named = await findInPages(pages, signal)
    const inText = hashIdentifiers(tenantKeys.subjects, named)
    const inMetadata = hashIdentifiers(tenantKeys.subjects, inAnnex(openAnnex(keys, document).metadata))
    return {
      write: async (tx) => {
        await replacePages(tx, key, keys, pages)
        await replaceSubjects(tx, key, 'text', inText)
        await replaceSubjects(tx, key, 'metadata', inMetadata)
      },
      event: { operation: 'Analyse', provenance: 'derived' },
      ...(readable ? {} : { failed: 'NO_TEXT' as const }),
    }
  }
}
