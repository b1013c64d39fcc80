import { z } from 'zod'

/**
 * What an API key may do. `documents:erase` and `keys:manage` are apart because they cannot be taken back; `rights:manage` is for who answers data
 * subjects: it finds people, and holds, restricts and corrects what is kept of them.
 */
export const Scope = z.enum([
  'documents:read',
  'documents:write',
  'documents:erase',
  'search',
  'records:read',
  'rights:manage',
  'keys:manage',
])
export type Scope = z.infer<typeof Scope>
export const SCOPES = Scope.options

export const NewApiKey = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1)
    .max(100)
    .regex(/^\P{Cc}*$/u, 'no control characters'),
  scopes: z.array(Scope).min(1).max(SCOPES.length),
})

export const ApiKeyView = z.strictObject({
  key_id: z.uuid(),
  name: z.string(),
  scopes: z.array(Scope),
  created_at: z.iso.datetime(),
  revoked_at: z.iso.datetime().nullable(),
})
export type ApiKeyView = z.infer<typeof ApiKeyView>

/** `api_key` is shown this once; only its hash is kept. */
export const ApiKeyCreated = z.strictObject({ key_id: z.uuid(), name: z.string(), scopes: z.array(Scope), api_key: z.string() })
export type ApiKeyCreated = z.infer<typeof ApiKeyCreated>
