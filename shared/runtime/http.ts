import type { IncomingMessage, ServerResponse } from 'node:http'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyBaseLogger } from 'fastify'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type RawServerDefault } from 'fastify'
import {
  createJsonSchemaTransform,
  hasZodFastifySchemaValidationErrors,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { AppError, type ErrorCode } from '../contracts/errors.ts'
import { newId } from '../contracts/ids.ts'
import type { Identity } from '../database/api-keys.ts'
import { errorFields, type Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import { PROBLEM_TYPE, toProblem } from './problem.ts'

/** JSON bodies; uploads are streams with a limit of their own. */
const JSON_BYTES_MAX = 1024 * 1024
/** The slowest upload that is waited for; the sweeper's ORPHAN_AFTER_MS is longer. */
const REQUEST_TIMEOUT_MS = 30 * 60_000
const DRAIN_MS = 5_000
const DRAIN_BYTES_MAX = 64 * 1024 * 1024
const VERSION = '0.1.0'

export type HttpServer = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>

declare module 'fastify' {
  interface FastifyRequest {
    /** Who the API key belongs to; set by `authorize`. */
    identity: Identity
  }
}

export interface HttpOptions {
  title: string
  log: Log
  metrics: Metrics
  /** Throws AppError UNAVAILABLE while something that the service needs does not answer. */
  ready: () => Promise<void>
}

/**
 * A server without routes of its own but /healthz (the process lives), /readyz (it can serve), /metrics, /openapi.json and /docs. Every error
 * leaves as RFC 9457 from the one table. Requests are logged by route and identifier; addresses, queries and bodies never are.
 */
export async function createHttpServer({ title, log, metrics, ready }: HttpOptions): Promise<HttpServer> {
  const server = Fastify({
    logger: false,
    bodyLimit: JSON_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    genReqId: () => newId(),
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 200 },
  }).withTypeProvider<ZodTypeProvider>()
  server.setValidatorCompiler(validatorCompiler)
  server.setSerializerCompiler(serializerCompiler)
  server.setErrorHandler((error, request, reply) => sendProblem(toAppError(error), error, request, reply, log))
  server.setNotFoundHandler((request, reply) => sendProblem(new AppError('NOT_FOUND'), null, request, reply, log))
  server.addHook('onSend', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store')
  })
  server.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unmatched'
    const { method } = request
    metrics.requestSeconds.observe({ route, method, status: String(reply.statusCode) }, reply.elapsedTime / 1_000)
    log.info({ requestId: request.id, method, route, status: reply.statusCode, durationMs: Math.round(reply.elapsedTime) }, 'request')
  })
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, version: VERSION, license: { name: 'Apache-2.0' } },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      security: [{ bearer: [] }],
    },
    transform: createJsonSchemaTransform({ skipList: ['/openapi.json'] }),
  })
  await server.register(swaggerUi, { routePrefix: '/docs', staticCSP: true })
  addProbes(server, metrics, ready)
  return server
}

function addProbes(server: HttpServer, metrics: Metrics, ready: () => Promise<void>): void {
  const hide = { schema: { hide: true } }
  server.get('/openapi.json', hide, async () => server.swagger())
  server.get('/healthz', hide, async () => ({ status: 'ok' }))
  server.get('/readyz', hide, async () => {
    await ready()
    return { status: 'ready' }
  })
  server.get('/metrics', hide, async (_request, reply) => reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()))
}

function sendProblem(known: AppError, thrown: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): void {
  const problem = { ...toProblem(known), request_id: request.id }
  if (problem.status >= 500)
    log.error(
      { requestId: request.id, route: request.routeOptions.url ?? 'unmatched', ...errorFields(thrown), code: known.code },
      'request failed',
    )
  if (known.retryAfterSeconds !== undefined) reply.header('retry-after', String(known.retryAfterSeconds))
  if (known.code === 'UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer')
  reply.status(problem.status).type(PROBLEM_TYPE).serializer(JSON.stringify)
  if (request.raw.complete) return void reply.send(problem)
  // Closing a connection while the client still sends resets it, and the client never reads why: so the rest is read, within bounds, and dropped.
  reply.header('connection', 'close')
  void drain(request.raw).then(() => reply.send(problem))
}

function drain(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0
    const timer = setTimeout(resolve, DRAIN_MS)
    const finish = () => {
      clearTimeout(timer)
      resolve()
    }
    request.unpipe()
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > DRAIN_BYTES_MAX) finish()
    })
    for (const event of ['end', 'close', 'error']) request.once(event, finish)
    request.resume()
  })
}

/** What Fastify throws by itself, in the terms of the one table; anything unknown is INTERNAL and says nothing of its cause. */
function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error
  if (hasZodFastifySchemaValidationErrors(error)) {
    const problems = error.validation.map((issue) => ({
      where: `${error.validationContext ?? 'request'}${issue.instancePath}`,
      message: issue.message ?? 'invalid',
    }))
    return new AppError('INVALID_REQUEST', problems.map((problem) => `${problem.where}: ${problem.message}`).join('; '), {
      extra: { errors: problems },
    })
  }
  const status = error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500
  return new AppError(CODE_OF_STATUS[status] ?? (status < 500 ? 'INVALID_REQUEST' : 'INTERNAL'), undefined, { cause: error })
}

const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  404: 'NOT_FOUND',
  413: 'DOCUMENT_TOO_LARGE',
  415: 'UNSUPPORTED_TYPE',
  429: 'RATE_LIMITED',
  503: 'UNAVAILABLE',
}
