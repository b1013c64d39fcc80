import { type ApiKeyCreated, SCOPES } from '../../shared/contracts/access.ts'
import type { Greffier } from './greffier.ts'

/** An API key of the first tenant with every scope, and requests with it. */
export interface Colleague {
  readonly keyId: string
  readonly name: string
  request(method: string, path: string, body?: object, headers?: Record<string, string>): Promise<Response>
  /** Throws when the answer is not a success. */
  json<Answer>(method: string, path: string, body?: object, headers?: Record<string, string>): Promise<Answer>
}

export async function hire(greffier: Greffier, name: string): Promise<Colleague> {
  const { key_id, api_key } = await greffier.json<ApiKeyCreated>('/v1/keys', { name, scopes: SCOPES })
  const request: Colleague['request'] = (method, path, body, headers = {}) =>
    greffier.fetch(path, {
      method,
      headers: { authorization: `Bearer ${api_key}`, ...(body && { 'content-type': 'application/json' }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
    })
  const json: Colleague['json'] = async (...asked) => {
    const response = await request(...asked)
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
    return response.json() as never
  }
  return { keyId: key_id, name, request, json }
}
