import { z } from 'zod'
import { AppError } from '../../../shared/contracts/errors.ts'
import { RegisterFormat, RegisterQuestion, RegisterReport, RegisterView } from '../../../shared/policy/register-report.ts'
import { authorize } from '../../../shared/runtime/auth.ts'
import type { HttpServer } from '../../../shared/runtime/http.ts'
import { registerCsv } from './cnil.ts'
import { registerFides } from './fides.ts'
import { registerJsonLd } from './json-ld.ts'
import { type RegisterServices, reportRegister } from './report.ts'

const MEDIA_TYPES = {
  json: 'application/json; charset=utf-8',
  jsonld: 'application/ld+json',
  csv: 'text/csv; charset=utf-8; header=present',
  fides: 'application/yaml',
} as const satisfies Record<RegisterFormat, string>

const WRITE = {
  jsonld: (report) => `${JSON.stringify(registerJsonLd(report), null, 2)}\n`,
  csv: registerCsv,
  fides: registerFides,
} as const satisfies Record<Exclude<RegisterFormat, 'json'>, (report: RegisterReport) => string>

/** The register of processing activities (Art. 30): what is declared, what the record shows, and where they differ. */
export function addRegisterRoute(server: HttpServer, services: RegisterServices): void {
  server.get(
    '/v1/register',
    {
      onRequest: authorize(services.database, 'records:read'),
      schema: {
        tags: ['records'],
        summary: 'The register of processing activities, declared and observed, with the drift between them',
        description:
          'GDPR Art. 30(1), and with `view=processor` Art. 30(2). `from` and `to` are whole days (UTC). As JSON, JSON-LD with terms of the Data Privacy Vocabulary, CSV in the order of the CNIL’s model, or YAML for Fides: by `format`, else by the Accept header.',
        querystring: z.strictObject({
          format: RegisterFormat.optional(),
          from: z.iso.date().optional(),
          to: z.iso.date().optional(),
          view: RegisterView.optional(),
        }),
        response: { 200: z.union([RegisterReport, z.string()]) },
      },
    },
    async ({ identity: { tenantId }, query: { format, ...asked }, headers }, reply) => {
      const question = RegisterQuestion.safeParse(asked)
      if (!question.success) throw new AppError('INVALID_REQUEST', '`to` is before `from`')
      const wanted = format ?? acceptedFormat(headers.accept)
      const report = await reportRegister(services, tenantId, question.data)
      if (wanted === 'json') return report
      return reply.type(MEDIA_TYPES[wanted]).send(WRITE[wanted](report))
    },
  )
}

/** The first of the header that is one of ours; without weights, which nobody sends for a file. */
function acceptedFormat(accept: string | undefined): RegisterFormat {
  const wanted = (accept ?? '').split(',').map((type) => type.split(';')[0]?.trim().toLowerCase())
  const formats: Readonly<Record<string, RegisterFormat>> = {
    'application/json': 'json',
    'application/ld+json': 'jsonld',
    'text/csv': 'csv',
    'application/yaml': 'fides',
    'text/yaml': 'fides',
  }
  return wanted.flatMap((type) => formats[type ?? ''] ?? [])[0] ?? 'json'
}
