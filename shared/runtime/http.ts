import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Duplex, Readable } from 'node:stream'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyBaseLogger } from 'fastify'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type RawServerDefault } from 'fastify'
import { hasZodFastifySchemaValidationErrors, serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import { AppError, type ErrorCode } from '../contracts/errors.ts'
import { newId } from '../contracts/ids.ts'
import type { Identity } from '../database/api-keys.ts'
import { collectMethods } from './http-methods.ts'
import { describeRoute } from './http-openapi.ts'
import { errorFields, type Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import { PROBLEM_TYPE, toProblem } from './problem.ts'

/** JSON bodies; uploads are streams with a limit of their own. */
const JSON_BYTES_MAX = 1024 * 1024
/** The slowest upload that is waited for; the sweeper's ORPHAN_AFTER_MS is longer. */
const REQUEST_TIMEOUT_MS = 30 * 60_000
const DRAIN_MS = 5_000
/** How long a stopping server waits for requests that are under way. */
const CLOSE_MS = 5_000
const DRAIN_BYTES_MAX = 64 * 1024 * 1024
const VERSION = '0.1.0'
/** The documentation loads nothing from elsewhere. The library's own list allows any https style sheet and the image of a validator's website. */
const DOCS_CSP =
  "default-src 'self'; base-uri 'self'; font-src 'self' data:; frame-ancestors 'self'; img-src 'self' data:; object-src 'none'; script-src 'self'; style-src 'self'"

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
    // Its own answer would not be one of ours; see below.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: (error, request, reply) => sendProblem(toAppError(error), error, request, reply, log),
    clientErrorHandler: refuseConnection,
  }).withTypeProvider<ZodTypeProvider>()
  server.setValidatorCompiler(validatorCompiler)
  server.setSerializerCompiler(serializerCompiler)
  server.setErrorHandler((error, request, reply) => sendProblem(toAppError(error), error, request, reply, log))
  const methodsOf = collectMethods(server)
  server.setNotFoundHandler((request, reply) => {
    const methods = methodsOf(request.url)
    const wrongMethod = methods.length > 0 && !methods.includes(request.method)
    if (wrongMethod) reply.header('allow', methods.join(', '))
    sendProblem(new AppError(wrongMethod ? 'METHOD_NOT_ALLOWED' : 'NOT_FOUND'), null, request, reply, log)
  })
  // Whoever asks before it sends its body (Expect: 100-continue) is told to go on when somebody is about to read it: a refusal costs it no byte.
  server.server.on('checkContinue', (request, response) => server.server.emit('request', request, response))
  server.addHook('preParsing', async (request, reply) => {
    if (/^100-continue$/i.test(request.headers.expect ?? '')) reply.raw.writeContinue()
  })
  let stopping = false
  server.addHook('onRequest', async () => {
    if (stopping) throw new AppError('UNAVAILABLE', 'this server is stopping', { retryAfterSeconds: 1 })
  })
  server.addHook('preClose', async () => {
    stopping = true
    const timer = setTimeout(() => server.server.closeAllConnections(), CLOSE_MS)
    server.server.once('close', () => clearTimeout(timer))
  })
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
    transform: describeRoute,
  })
  await server.register(swaggerUi, { routePrefix: '/docs', staticCSP: DOCS_CSP })
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
  const body = Buffer.from(JSON.stringify(problem))
  reply.header('connection', 'close').header('content-length', String(body.length))
  void reply.send(Readable.from(answerAndDrain(body, request.raw), { objectMode: false }))
}

/**
 * The answer goes out at once, for a client that looks before it has sent everything. Closing the connection while it still sends would reset it, and a
 * client that does not look would never read why: so the rest is read, within bounds, and dropped.
 */
async function* answerAndDrain(answer: Buffer, request: IncomingMessage): AsyncGenerator<Buffer> {
  yield answer
  await drain(request)
}

/** What Node refuses before there is a request: something that is not HTTP, headers that are too large, a body that came too slowly. */
function refuseConnection(error: Error & { code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET') socket.destroy()
  // Said once: bytes that follow the first bad ones are errors of their own.
  if (!socket.writable) return
  const body = JSON.stringify(toProblem(new AppError('INVALID_REQUEST', 'this is not a complete HTTP request within the limits')))
  const head = `HTTP/1.1 400 Bad Request\r\nContent-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close`
  // Not destroyed at once: a reset would take the answer from a client that is still sending.
  socket.end(`${head}\r\n\r\n${body}`)
  setTimeout(() => socket.destroy(), DRAIN_MS).unref()
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
