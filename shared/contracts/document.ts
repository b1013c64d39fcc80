import { z } from 'zod'
import { DocumentAi, Producer } from './ai-mark.ts'
import { Field } from './extraction.ts'
import { SchemaName } from './schemas.ts'

export const Sensitivity = z.enum(['public', 'internal', 'confidential', 'special'])
export type Sensitivity = z.infer<typeof Sensitivity>

/** `personal` is the default: an organisation's document names people until somebody says otherwise. Art. 9 is `special`, Art. 10 `criminal`. */
export const DataClass = z.enum(['none', 'personal', 'special', 'criminal'])
export type DataClass = z.infer<typeof DataClass>

export const Purpose = z.string().regex(/^[a-z0-9][a-z0-9_.-]{0,63}$/, 'a short lower-case identifier such as invoice_processing')
export type Purpose = z.infer<typeof Purpose>

export const MediaType = z.enum(['application/pdf', 'text/markdown', 'text/html', 'text/plain'])
export type MediaType = z.infer<typeof MediaType>

export const DocumentStatus = z.enum(['received', 'processing', 'completed', 'failed', 'refused', 'erased'])
export type DocumentStatus = z.infer<typeof DocumentStatus>
export const FINAL_STATUSES: readonly DocumentStatus[] = ['completed', 'failed', 'refused', 'erased']

export const OnDuplicate = z.enum(['return', 'version', 'new'])
export type OnDuplicate = z.infer<typeof OnDuplicate>

const METADATA_KEYS_MAX = 32
/** Half of a surrogate pair has no UTF-8, and so no hash. JSON can spell it all the same. */
const NOT_WELL_FORMED = 'not Unicode: half of a surrogate pair'
const isWellFormed = (text: string) => text.isWellFormed()

/** What is assumed of a document whose upload does not say. An organisation may choose its own; these are Greffier's. */
export const UploadDefaults = z.strictObject({
  sensitivity: Sensitivity.default('internal'),
  data_classes: z.array(DataClass).min(1).max(4).default(['personal']),
})
export type UploadDefaults = z.infer<typeof UploadDefaults>

/** What an upload may say beside its bytes. Metadata may name people: it is stored encrypted under the document's key, and only there. */
export const UploadOptions = z.strictObject({
  ...UploadDefaults.shape,
  purpose: Purpose.default('document_processing'),
  on_duplicate: OnDuplicate.default('return'),
  /** One of the organisation's own; left out, the one for the document's type. */
  schema: SchemaName.optional(),
  file_name: z.string().min(1).max(255).refine(isWellFormed, NOT_WELL_FORMED).optional(),
  metadata: z
    .record(z.string().min(1).max(64).refine(isWellFormed, NOT_WELL_FORMED), z.string().max(1024).refine(isWellFormed, NOT_WELL_FORMED))
    .refine((value) => Object.keys(value).length <= METADATA_KEYS_MAX, `at most ${METADATA_KEYS_MAX} keys`)
    .default({}),
})
export type UploadOptions = z.infer<typeof UploadOptions>

/** `outcome` says what became of a duplicate (same content, purpose, sensitivity and classes): returned as it was, a new revision of it, or a copy. */
export const UploadAccepted = z.strictObject({
  document_id: z.uuid(),
  revision: z.int(),
  status: DocumentStatus,
  outcome: z.enum(['created', 'returned', 'version', 'new']),
})
export type UploadAccepted = z.infer<typeof UploadAccepted>

export const StageView = z.strictObject({
  stage: z.string(),
  status: z.enum(['pending', 'running', 'completed', 'failed']),
  starts: z.int(),
  started_at: z.iso.datetime().nullable(),
  finished_at: z.iso.datetime().nullable(),
  error_code: z.string().nullable(),
})
export type StageView = z.infer<typeof StageView>

const DocumentHead = z.strictObject({
  document_id: z.uuid(),
  status: DocumentStatus,
  error_code: z.string().nullable(),
  revision: z.int(),
  media_type: MediaType,
  bytes: z.int(),
  sensitivity: Sensitivity,
  data_classes: z.array(DataClass),
  purpose: Purpose,
  type: z.string().nullable(),
  language: z.string().nullable(),
  created_at: z.iso.datetime(),
  completed_at: z.iso.datetime().nullable(),
})

export const PageView = z.strictObject({
  number: z.int(),
  method: z.string(),
  characters: z.int(),
  reason: z.string().nullable(),
})

/**
 * Why the policy let nobody do what a stage needed, for a reader who decides about policies. `policy` is the one that refused; its name is known while it
 * is the one in force. Null: there was nobody whom it could have been asked about.
 */
export const Refusal = z.strictObject({
  stage: z.string(),
  task: z.string().nullable(),
  policy: z.strictObject({ name: z.string().nullable(), hash: z.string() }).nullable(),
  sentences: z.array(z.string()).min(1),
})
export type Refusal = z.infer<typeof Refusal>

/**
 * All fields together as one value, in the shape and with the types of the schema that they were read by, whatever their status: it stands beside each of
 * them in `fields`. `schema_valid`: whether the value fits the schema, what it requires included. `pages_read`: pages with text that were read, which are
 * fewer than there are where a document is longer than a provider reads.
 */
export const ExtractionView = z.strictObject({
  schema: z.strictObject({ name: z.string(), version: z.int().min(1) }),
  data: z.record(z.string(), z.unknown()),
  schema_valid: z.boolean(),
  pages_read: z.int().min(0),
})
export type ExtractionView = z.infer<typeof ExtractionView>

/** `produced_by` null: a person corrected it, or it was read before that was kept and may have been generated. */
export const FieldView = z.strictObject({
  ...Field.shape,
  produced_by: Producer.nullable().describe('What read the field, with the mark of AI Act Art. 50(2) where a language model generated it'),
})
export type FieldView = z.infer<typeof FieldView>

/** `schema_name` is what the upload named. `extraction` is null until the fields were read. */
export const DocumentView = z.strictObject({
  ...DocumentHead.shape,
  file_name: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  stages: z.array(StageView),
  pages: z.array(PageView),
  schema_name: z.string().nullable(),
  fields: z.record(z.string(), FieldView),
  ai: DocumentAi,
  extraction: ExtractionView.nullable(),
  refusal: Refusal.nullable(),
})
export type DocumentView = z.infer<typeof DocumentView>

export const DocumentList = z.strictObject({ documents: z.array(DocumentHead), next_cursor: z.string().nullable() })
export type DocumentList = z.infer<typeof DocumentList>

/** `stage` is where the document goes on. */
export const RedriveAccepted = z.strictObject({
  document_id: z.uuid(),
  revision: z.int(),
  status: DocumentStatus,
  stage: z.string(),
})
export type RedriveAccepted = z.infer<typeof RedriveAccepted>

export const DocumentText = z.strictObject({
  document_id: z.uuid(),
  revision: z.int(),
  pages: z.array(z.strictObject({ ...PageView.shape, text: z.string() })),
})
export type DocumentText = z.infer<typeof DocumentText>
