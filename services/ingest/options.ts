import { z } from 'zod'
import { type UploadDefaults, UploadOptions } from '../../shared/contracts/document.ts'
import { AppError } from '../../shared/contracts/errors.ts'

/** The options as text, the form that a query string and a multipart form share. Unknown names are refused. */
export const UploadParameters = z.strictObject({
  file_name: z.string().optional(),
  sensitivity: z
    .string()
    .optional()
    .describe('public, internal, confidential or special; else the default of the organisation (GET /v1/defaults)'),
  data_classes: z.string().optional().describe('comma separated: none, personal, special, criminal; else the default of the organisation'),
  purpose: z.string().optional().describe('why the document is processed, for example invoice_processing'),
  on_duplicate: z
    .string()
    .optional()
    .describe(
      'return (default), version or new; the same document with another schema is a duplicate as well: `version` reads it again, by the schema that this upload names',
    ),
  schema: z
    .string()
    .optional()
    .describe(
      'the name of one of your schemas (POST /v1/schemas); else the newest one for the type of the document, else the one that ships',
    ),
  metadata: z.string().optional().describe('a JSON object of strings; stored encrypted with the document'),
})
export type UploadParameters = z.infer<typeof UploadParameters>

/** `defaults` are the organisation's. Throws INVALID_REQUEST that names each bad field; values are not repeated, since metadata may name people. */
export function parseUploadOptions(parameters: unknown, fileName: string | undefined, defaults: UploadDefaults): UploadOptions {
  const given = check(UploadParameters, parameters)
  return check(UploadOptions, {
    ...given,
    file_name: given.file_name ?? fileName,
    sensitivity: given.sensitivity ?? defaults.sensitivity,
    data_classes: given.data_classes?.split(',').map((name) => name.trim()) ?? defaults.data_classes,
    metadata: given.metadata === undefined ? undefined : parseJson(given.metadata),
  })
}

function check<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const errors = result.error.issues.map((issue) => ({ where: issue.path.join('.') || 'request', message: issue.message }))
  throw new AppError('INVALID_REQUEST', errors.map((error) => `${error.where}: ${error.message}`).join('; '), { extra: { errors } })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new AppError('INVALID_REQUEST', 'metadata: not JSON', { cause: error })
  }
}
