import { type ChatRequest, formatOf, lastUserText, promptOf, tokensIn } from './chat-request.ts'
import type { Said, ToolCall } from './completion.ts'
import type { JsonSchema } from './minimal-value.ts'
import { requestedSchema } from './requested-schema.ts'

/** What a test is shown of a chat request, to say what the model says. */
export interface AskedAnswer {
  /** Null where the request brings no schema. */
  schemaName: string | null
  schema: JsonSchema | null
  /** Everything that is written in the request. */
  prompt: string
  /** The last message of the user. */
  user: string
  request: ChatRequest
}

/** A value is sent as JSON, except a string where no JSON was asked for; undefined leaves the answer to the double. */
export type AnswerHook = (asked: AskedAnswer) => unknown

/** What a model that is well says. Throws when `hook` gives a value that does not fit the schema: a server in strict mode could not send it. */
export function usualAnswer(request: ChatRequest, hook: AnswerHook | undefined): Said {
  const named = request.response_format?.json_schema
  const asked = {
    schemaName: named?.name ?? null,
    schema: named?.schema ?? null,
    prompt: promptOf(request),
    user: lastUserText(request),
    request,
  }
  const given = hook?.(asked)
  if (given !== undefined) return limited(request, fromHook(asked, given))
  const toolCalls = toolCallsOf(request)
  if (toolCalls.length > 0) return { content: '', finishReason: 'tool_calls', toolCalls }
  return limited(request, defaultContent(asked))
}

function fromHook({ schema, schemaName, request }: AskedAnswer, given: unknown): string {
  const wrong = schema ? requestedSchema(schema).problems(given) : []
  if (wrong.length > 0) throw new Error(`answerWith gave what schema ${schemaName} does not allow (script it instead): ${wrong.join(', ')}`)
  return typeof given === 'string' && formatOf(request) === 'text' ? given : JSON.stringify(given)
}

/** The first tool, or the one that is asked for; after a tool has answered, only where a call is demanded. */
function toolCallsOf({ tools, tool_choice: choice = 'auto', messages }: ChatRequest): ToolCall[] {
  const tool = typeof choice === 'object' ? tools?.find(({ function: { name } }) => name === choice.function.name) : tools?.[0]
  if (!tool || choice === 'none' || (choice === 'auto' && messages.at(-1)?.role === 'tool')) return []
  return [{ name: tool.function.name, arguments: requestedSchema(tool.function.parameters).minimal() }]
}

function defaultContent(asked: AskedAnswer): string {
  const format = formatOf(asked.request)
  const passage = firstLine(asked.user, 'passage')
  if (format === 'text') return passage?.line ?? 'The double answers in words.'
  const schema = asked.schema ?? schemaIn(asked.prompt)
  if (!schema) return JSON.stringify(documentAnswer(asked.user))
  // Schemas that the product does not use get the smallest value, without a look at the prompt.
  const parts = asked.schemaName === null || PRODUCT_SCHEMAS.has(asked.schemaName) ? documentAnswer(asked.user) : {}
  return JSON.stringify(requestedSchema(schema).minimalWith(parts))
}

const PRODUCT_SCHEMAS = new Set(['classification', 'extraction', 'answer'])

/** An answer quotes the first line of the first passage; anything else is a letter whose title is its first line. */
function documentAnswer(user: string): Record<string, unknown> {
  const passage = firstLine(user, 'passage')
  if (passage) return { answer: passage.line, citations: [{ passage: passage.number, quote: passage.line }] }
  if (/^\[\[question /m.test(user)) return { answer: null, citations: [] }
  const page = firstLine(user, 'page')
  return { type: 'letter', language: null, title: page && { value: page.line, quote: page.line, page: page.number } }
}

function firstLine(user: string, name: string): { number: string; line: string } | null {
  const start = new RegExp(`^\\[\\[${name} (\\d+) ([0-9a-f]+)\\]\\]\\n`, 'm').exec(user)
  if (!start) return null
  const text = user.slice(start.index + start[0].length).split(`\n[[end ${start[2]}]]`)[0] ?? ''
  const line = text.split('\n').find((candidate) => candidate.trim() !== '')
  return line ? { number: start[1] ?? '', line: line.trim().slice(0, 200) } : null
}

/** A schema that stands on a line of its own, as a prompt for `json_object` has it. */
function schemaIn(prompt: string): JsonSchema | undefined {
  const line = prompt.split('\n').find((candidate) => /^\{.*"(?:type|properties|anyOf)":.*\}$/.test(candidate))
  if (!line) return undefined
  try {
    return JSON.parse(line) as JsonSchema
  } catch {
    // A line that only looks like JSON is text.
    return undefined
  }
}

/** `max_tokens` cuts in the middle of what is said. */
function limited({ max_tokens: max }: ChatRequest, content: string): Said {
  if (typeof max !== 'number' || tokensIn(content) <= max) return { content, finishReason: 'stop' }
  const next = [...content.matchAll(/[\p{L}\p{N}]+/gu)][max]
  return { content: content.slice(0, next?.index), finishReason: 'length' }
}
