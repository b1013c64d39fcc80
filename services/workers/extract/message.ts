import { z } from 'zod'
import { Page } from '../../../shared/contracts/extraction.ts'

/** What a child says, one JSON line each: `ready` once it has imported everything, then for each document its pages in order and `done`, or `failed`. */
export const Message = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ready') }),
  z.strictObject({ kind: z.literal('page'), page: Page }),
  z.strictObject({ kind: z.literal('done'), pages: z.int().min(0) }),
  z.strictObject({ kind: z.literal('failed'), code: z.enum(['PDF_ENCRYPTED', 'DOCUMENT_UNREADABLE', 'EXTRACTION_LIMIT']) }),
])
export type Message = z.infer<typeof Message>
