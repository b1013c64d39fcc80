import type { Readable } from 'node:stream'
import type { MultipartFile } from '@fastify/multipart'
import multipart from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { UploadAccepted, type UploadDefaults } from '../../shared/contracts/document.ts'
import { AppError, type ErrorCode } from '../../shared/contracts/errors.ts'
import { compileSchema } from '../../shared/inference/extraction/schema.ts'
import { authorize } from '../../shared/runtime/auth.ts'
import type { HttpServer } from '../../shared/runtime/http.ts'
import { parseUploadOptions, UploadParameters } from './options.ts'
import { addDocumentRoutes } from './routes.ts'
import { addSchemaRoutes } from './schemas.ts'
import type { IngestServices } from './services.ts'
import { createUpload, type Upload } from './upload.ts'

const FORM_FIELDS_MAX = 20
const FORM_FIELD_BYTES_MAX = 64 * 1024
/** For the description of the API: what is streamed is not validated by a schema. */
const UPLOAD_BODY = {
  'application/octet-stream': { type: 'string', format: 'binary' },
  'multipart/form-data': { type: 'object', required: ['file'], properties: { file: { type: 'string', format: 'binary' } } },
}
const IdempotencyKey = z.string().min(1).max(255).optional()

/** Upload, status, progress, reprocess, delete: the routes of the back-office application. */
export async function addIngest(server: HttpServer, services: IngestServices): Promise<void> {
  const upload = createUpload(services)
  await server.register(async (scope) => addUploadRoute(scope as HttpServer, services, upload))
  addDocumentRoutes(server, services)
  addSchemaRoutes(server, services.database, compileSchema)
}

/** In a scope of its own: here, and only here, bodies are streams of any type. */
async function addUploadRoute(scope: HttpServer, services: IngestServices, upload: Upload): Promise<void> {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
  await scope.register(multipart, {
    limits: { files: 1, fields: FORM_FIELDS_MAX, fieldSize: FORM_FIELD_BYTES_MAX, fileSize: Number.MAX_SAFE_INTEGER },
    throwFileSizeLimit: false,
  })
  scope.post(
    '/v1/documents',
    {
      onRequest: authorize(services.database, 'documents:write'),
      config: { streamedBody: UPLOAD_BODY },
      schema: {
        tags: ['documents'],
        summary: 'Upload a document',
        description:
          'The document is the raw body (its options are query parameters) or the one file of a multipart/form-data body (its options are form fields or query parameters). ' +
          'Answers as soon as the bytes are stored durably; Location is where its progress shows.',
        querystring: UploadParameters,
        headers: z.object({ 'idempotency-key': IdempotencyKey }),
        response: { 202: UploadAccepted },
      },
    },
    async (request, reply) => {
      const defaults = await services.tenants.defaults(request.identity.tenantId)
      const incoming = request.isMultipart() ? await fromForm(request, defaults) : fromBody(request, defaults)
      try {
        const accepted = await upload({
          tenantId: request.identity.tenantId,
          key: { key_id: request.identity.keyId, name: request.identity.keyName },
          idempotencyKey: request.headers['idempotency-key'],
          ...incoming,
        })
        return reply.status(202).header('location', `/v1/documents/${accepted.document_id}`).send(accepted)
      } finally {
        // What is still iterated cannot be drained, and a refusal is sent after that. Not awaited: the client may be slow to send more.
        void incoming.source.return?.()
      }
    },
  )
}

function fromBody(request: FastifyRequest, defaults: UploadDefaults) {
  const parameters = parseUploadOptions(request.query, undefined, defaults)
  const { file_name, schema } = parameters
  const contentType = request.headers['content-type']
  return {
    source: readWithoutOwning(request.raw),
    hints: { ...(file_name === undefined ? {} : { fileName: file_name }), ...(contentType === undefined ? {} : { contentType }) },
    schemaName: schema,
    options: () => parameters,
  }
}

/** The file streams while it arrives; fields after it are read when its bytes are stored. */
async function fromForm(request: FastifyRequest, defaults: UploadDefaults) {
  const parts = request.parts()[Symbol.asyncIterator]()
  const fields: Record<string, unknown> = { ...(request.query as object) }
  const file = await nextFile(parts, fields)
  if (!file) throw new AppError('INVALID_REQUEST', 'the form has no file')
  return {
    source: readWithoutOwning(file.file),
    hints: { fileName: file.filename, contentType: file.mimetype },
    // A field after the file is not known yet.
    schemaName: typeof fields.schema === 'string' ? fields.schema : undefined,
    options: async () => {
      if (await nextFile(parts, fields)) throw new AppError('INVALID_REQUEST', 'one file a request')
      return parseUploadOptions(fields, file.filename === '' ? undefined : file.filename, defaults)
    },
  }
}

type Parts = AsyncIterator<Awaited<ReturnType<ReturnType<FastifyRequest['parts']>['next']>>['value']>

async function nextFile(parts: Parts, fields: Record<string, unknown>): Promise<MultipartFile | null> {
  // Bounded by FORM_FIELDS_MAX: the parser fails on the field after the last allowed one.
  for (;;) {
    const part = await nextPart(parts)
    if (!part) return null
    if (part.type === 'file') return part
    if (Object.hasOwn(fields, part.fieldname)) throw new AppError('INVALID_REQUEST', `the field ${part.fieldname} is given twice`)
    // A part of type application/json comes parsed; options are text in every form.
    fields[part.fieldname] = typeof part.value === 'string' ? part.value : JSON.stringify(part.value)
  }
}

/** What the parser has against a form is the client's fault, and an error of ours: the upload then removes what it has stored. */
async function nextPart(parts: Parts) {
  try {
    const { value, done } = await parts.next()
    return done ? null : value
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const [known, detail] = FORM_ERRORS[code] ?? ['INVALID_REQUEST', 'the form is not well-formed']
    throw new AppError(known, detail, { cause: error })
  }
}

const FORM_ERRORS: Readonly<Record<string, [ErrorCode, string]>> = {
  FST_MP_PREMATURE_CLOSE: ['UPLOAD_ABORTED', 'the form ended early'],
  FST_FILES_LIMIT: ['INVALID_REQUEST', 'one file a request'],
  FST_FIELDS_LIMIT: ['INVALID_REQUEST', `at most ${FORM_FIELDS_MAX} fields`],
}

/** Destroying a request destroys its socket, and with it the answer that says why: whoever gives up on these bytes leaves the request alone. */
function readWithoutOwning(request: Readable): AsyncIterableIterator<Buffer> {
  return request.iterator({ destroyOnReturn: false })
}
