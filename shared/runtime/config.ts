import { resolve } from 'node:path'
import { z } from 'zod'
import { FaultAt } from './faults.ts'

/** Names in one comma-separated variable. */
const LIST_MAX = 20
const ROOT = resolve(import.meta.dirname, '../..')
const port = z.coerce.number().int().min(0).max(65_535)
const logLevel = z.enum(['silent', 'fatal', 'error', 'warn', 'info', 'debug']).default('info')
const masterKey = z
  .string()
  .transform((text) => Buffer.from(text, 'base64'))
  .refine((key) => key.length === 32, '32 bytes in base64: openssl rand -base64 32')
const url = (...protocols: string[]) =>
  z
    .url()
    .refine(
      (text) => protocols.includes(new URL(text).protocol),
      `a URL that begins with ${protocols.map((name) => `${name}//`).join(' or ')}`,
    )

const country = z.string().regex(/^[A-Z]{2}$/, 'an ISO 3166-1 alpha-2 code such as DE')
const list = <Item extends z.ZodType>(item: Item) =>
  z.preprocess((text) => (typeof text === 'string' ? text.split(',').map((part) => part.trim()) : text), z.array(item).min(1).max(LIST_MAX))

/** Providers by their key in the register. `openai-compatible` is whoever the register knows under OPENAI_BASE_URL. */
const ProviderName = z.enum(['builtin', 'mistral', 'vllm', 'ollama', 'aleph-alpha', 'openai-compatible'])
export type ProviderName = z.infer<typeof ProviderName>

/** A provider, and after a slash the model that it is to use for this task: `mistral/mistral-large-latest`. */
const ProviderChoice = z
  .string()
  .regex(/^[a-z-]+(\/.{1,200})?$/, 'a provider, or provider/model')
  .transform((text) => ({ name: text.split('/', 1)[0], model: text.includes('/') ? text.slice(text.indexOf('/') + 1) : null }))
  .pipe(z.object({ name: ProviderName, model: z.string().min(1).nullable() }))
export type ProviderChoice = z.infer<typeof ProviderChoice>

/** Every variable that Greffier reads, with its default: .env.example explains them one by one. */
const Environment = z.object({
  DATA_DIR: z.string().min(1).default('.greffier'),
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: port.default(8080),
  LOG_LEVEL: logLevel,
  UPLOAD_BYTES_MAX: z.coerce
    .number()
    .int()
    .min(1)
    .default(50 * 1024 * 1024),
  MASTER_KEY: masterKey.optional(),
  DATABASE_URL: url('postgres:', 'postgresql:').optional(),
  DATABASE_OWNER_URL: url('postgres:', 'postgresql:').optional(),
  QUEUE_URL: url('redis:', 'rediss:').optional(),
  QDRANT_URL: url('http:', 'https:').optional(),
  QDRANT_API_KEY: z.string().min(1).optional(),
  PROVIDERS: list(ProviderName).optional(),
  PROVIDERS_CLASSIFY: list(ProviderChoice).optional(),
  PROVIDERS_EXTRACT: list(ProviderChoice).optional(),
  PROVIDERS_ANSWER: list(ProviderChoice).optional(),
  PROVIDERS_EMBED: list(ProviderChoice).optional(),
  PROVIDERS_OCR: list(ProviderChoice).optional(),
  MISTRAL_API_KEY: z.string().min(1).optional(),
  MISTRAL_REGION: z.enum(['eu', 'global', 'us']).default('eu'),
  MISTRAL_MODEL: z.string().min(1).default('mistral-small-latest'),
  MISTRAL_EMBED_MODEL: z.string().min(1).default('mistral-embed'),
  MISTRAL_PROMPT_CACHE: z.enum(['on', 'off']).default('off'),
  MISTRAL_BASE_URL: url('http:', 'https:').optional(),
  MISTRAL_OCR_MODEL: z.string().min(1).default('mistral-ocr-4-0'),
  VLLM_BASE_URLS: list(url('http:', 'https:')).optional(),
  VLLM_EMBED_BASE_URLS: list(url('http:', 'https:')).optional(),
  VLLM_API_KEY: z.string().min(1).optional(),
  VLLM_MODEL: z.string().min(1).optional(),
  VLLM_EMBED_MODEL: z.string().min(1).optional(),
  OLLAMA_BASE_URL: url('http:', 'https:').optional(),
  OLLAMA_MODEL: z.string().min(1).optional(),
  OLLAMA_EMBED_MODEL: z.string().min(1).optional(),
  SELF_HOSTED_ENTITY: z.string().min(1).max(200).optional(),
  SELF_HOSTED_COUNTRY: country.optional(),
  SELF_HOSTED_REGION: z.string().min(1).default('eu'),
  SELF_HOSTED_DECLARED_ON: z.iso.date().optional(),
  ALEPH_ALPHA_BASE_URL: url('http:', 'https:').optional(),
  ALEPH_ALPHA_API_KEY: z.string().min(1).optional(),
  ALEPH_ALPHA_MODEL: z.string().min(1).optional(),
  ALEPH_ALPHA_EMBED_MODEL: z.string().min(1).optional(),
  OPENAI_BASE_URL: url('http:', 'https:').optional(),
  OPENAI_API_KEY: z.string().min(1).optional(),
  OPENAI_MODEL: z.string().min(1).optional(),
  OPENAI_EMBED_MODEL: z.string().min(1).optional(),
  OPENAI_REGION: z.string().min(1).default('unknown'),
  OPENAI_DEPLOYMENT: z.enum(['self_hosted', 'hosted']).optional(),
  OPENAI_ENTITY: z.string().min(1).max(200).optional(),
  OPENAI_COUNTRY: country.optional(),
  OPENAI_DECLARED_ON: z.iso.date().optional(),
  BUDGET_TOKENS_PER_DAY: z.coerce.number().int().min(1).optional(),
  BUDGET_EUROS_PER_DAY: z.coerce.number().min(0.01).max(1_000_000).optional(),
  RECOGNISER_URL: url('http:', 'https:').optional(),
  RECOGNISER_LANGUAGES: list(z.string().regex(/^[a-z]{2}$/, 'an ISO 639-1 code such as de')).default(['en']),
  HTTPS_PROXY: url('http:', 'https:').optional(),
  HTTP_PROXY: url('http:', 'https:').optional(),
  NO_PROXY: z.string().max(4_000).optional(),
  POLICY_FILE: z.string().min(1).default(resolve(ROOT, 'infra/policies/eu-operated.yaml')),
  PROCESSORS_FILE: z.string().min(1).default(resolve(ROOT, 'infra/processors.yaml')),
  ACTIVITIES_FILE: z.string().min(1).default(resolve(ROOT, 'infra/activities.yaml')),
  PRICES_FILE: z.string().min(1).default(resolve(ROOT, 'infra/prices.yaml')),
  BACKUP_RETENTION_DAYS: z.coerce.number().int().min(0).max(36_500).default(0),
  /** GDPR Art. 33(1): hours from becoming aware of a breach to its notification. */
  NOTIFICATION_HOURS: z.coerce.number().int().min(1).max(72).default(72),
  /** Art. 33(3)(b): whom the authority may ask; it stands in drafts of notifications. */
  DPO_CONTACT: z.string().min(1).max(500).optional(),
  FAULT_AT: FaultAt.optional(),
})

export type Config = z.infer<typeof Environment>

/** Thrown with every bad variable in one message, names and reasons only: a value may be a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** An empty variable counts as unset, as compose files write them. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  return parse(Environment, environment)
}

const CliEnvironment = Environment.pick({ DATA_DIR: true, PORT: true, LOG_LEVEL: true }).extend({
  LOG_LEVEL: logLevel.default('warn'),
  GREFFIER_URL: url('http:', 'https:').optional(),
  GREFFIER_API_KEY: z.string().min(1).optional(),
})

/** The names of all variables that are read. */
export const VARIABLES = [...new Set([Environment, CliEnvironment].flatMap((schema) => Object.keys(schema.shape)))]

export interface CliConfig {
  url: string | undefined
  apiKey: string | undefined
  dataDir: string
  port: number
  logLevel: Config['LOG_LEVEL']
}

export function readCliConfig(environment: NodeJS.ProcessEnv = process.env): CliConfig {
  const values = parse(CliEnvironment, environment)
  return {
    url: values.GREFFIER_URL,
    apiKey: values.GREFFIER_API_KEY,
    dataDir: resolve(values.DATA_DIR),
    port: values.PORT,
    logLevel: values.LOG_LEVEL,
  }
}

function parse<Schema extends z.ZodType>(schema: Schema, environment: NodeJS.ProcessEnv): z.infer<Schema> {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const result = schema.safeParse(given)
  if (result.success) return result.data
  throw new ConfigError(`configuration: ${result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`)
}
