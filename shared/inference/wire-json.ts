import type { ChatAnswer } from './chat.ts'
import type { ProviderResult } from './provider.ts'
import type { ChatJsonRequest } from './wire.ts'
import { parseJson, type WireChat } from './wire-chat.ts'

/** A conversation whose answer has to fit the schema. */
export function withSchema({ schema, schemaName, ...asked }: ChatJsonRequest): WireChat {
  return { ...conversation(asked, asked.system), responseFormat: { type: 'json_schema', name: schemaName, schema } }
}

/** For a server that refuses the schema: it stands in the prompt, with the word JSON, without which json_object may stream white space for ever. */
export function withSchemaInWords({ schema, schemaName: _, ...asked }: ChatJsonRequest): WireChat {
  const system = `${asked.system}\n\nAnswer with one JSON object that fits this JSON Schema:\n${JSON.stringify(schema)}`
  return { ...conversation(asked, system), responseFormat: { type: 'json_object' } }
}

function conversation({ user, ...asked }: Omit<ChatJsonRequest, 'schema' | 'schemaName'>, system: string): WireChat {
  return {
    ...asked,
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: user },
    ],
  }
}

export function jsonOf({ value, facts }: ProviderResult<ChatAnswer>): ProviderResult<unknown> {
  return { value: parseJson(value.text), facts }
}
