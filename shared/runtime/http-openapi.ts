import { createJsonSchemaTransform } from 'fastify-type-provider-zod'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Media type → JSON schema of a body that is streamed, and so not validated by a schema of the route. */
    streamedBody?: Record<string, object>
  }
}

const PROBLEM = {
  description: 'A problem (RFC 9457); `code` is the stable name of the error',
  content: {
    'application/problem+json': {
      schema: {
        type: 'object',
        required: ['type', 'title', 'status', 'code'],
        properties: {
          type: { type: 'string' },
          title: { type: 'string' },
          status: { type: 'integer' },
          code: { type: 'string' },
          detail: { type: 'string' },
          request_id: { type: 'string' },
        },
      },
    },
  },
}

/** A route that sends a stream has no schema of its own. */
const STREAM = { 200: { description: 'The stream' } }

const fromZod = createJsonSchemaTransform({ skipList: ['/openapi.json'] })

/** A route as OpenAPI 3.1 shows it: its zod schemas, the body that it streams, and the one form of every error. */
export const describeRoute: typeof fromZod = (input) => {
  const described = fromZod(input)
  if (!described.schema || described.schema.hide) return described
  const { streamedBody } = input.route.config ?? {}
  const body = streamedBody && {
    content: Object.fromEntries(Object.entries(streamedBody).map(([mediaType, schema]) => [mediaType, { schema }])),
  }
  const schema = {
    ...described.schema,
    ...(body ? { body } : {}),
    response: { ...(described.schema.response ?? STREAM), default: PROBLEM },
  }
  return { ...described, schema }
}
