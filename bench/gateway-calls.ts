// The same calls through the product's gateway, and by the bare client of its wire, each in a process of its own: `run` makes them one after the other.
import OpenAI from 'openai'
import { readConfig } from '../shared/runtime/config.ts'
import { createLog } from '../shared/runtime/log.ts'
import { openPlatform } from '../shared/runtime/platform.ts'
import { DOUBLE_MODELS } from '../test/support/model-double.ts'
import { answerMessages } from './answer.ts'

export type CallsRequest = { kind: 'run'; calls: number }
export interface CallsDone {
  wallMs: number
}

const QUESTION = 'Until when must the invoice be paid?'
const PASSAGES = Array.from({ length: 8 }, (_, ref) => ({
  ref,
  text: `Passage ${ref}: the invoice is due within thirty days of its date. `.repeat(12),
}))
const never = new AbortController().signal

const [kind, tenantId = ''] = process.argv.slice(2)
const config = readConfig()
const call = kind === 'bare' ? bare() : await throughGateway()

answerMessages<CallsRequest, CallsDone>(async ({ calls }) => {
  const startedAtMs = performance.now()
  for (let made = 0; made < calls; made++) await call()
  return { wallMs: performance.now() - startedAtMs }
})

/** Policy, intent, call, checks of the answer, completion, cost. */
async function throughGateway(): Promise<() => Promise<void>> {
  const { DATABASE_URL, DATABASE_OWNER_URL, MASTER_KEY } = config
  if (!DATABASE_URL || !DATABASE_OWNER_URL || !MASTER_KEY) throw new Error('a gateway needs its database')
  const platform = await openPlatform({
    config,
    log: createLog('warn', 'bench'),
    databaseUrl: DATABASE_URL,
    databaseOwnerUrl: DATABASE_OWNER_URL,
    masterKey: MASTER_KEY,
  })
  process.once('SIGTERM', () => void platform.close().then(() => process.exit()))
  const subject = {
    document_id: null,
    revision: null,
    page: null,
    sensitivity: 'internal',
    data_classes: ['personal'],
    purpose: 'question_answering',
  } as const
  const context = {
    tenant_id: tenantId,
    task: 'answer',
    step: 'answer',
    subjects: [subject],
    tokens: 2_000,
    language: 'en',
    signal: never,
  } as const
  return async () => {
    await platform.gateway.call(context, (provider, signal) => provider.answer(QUESTION, PASSAGES, signal))
  }
}

function bare(): () => Promise<void> {
  const client = new OpenAI({ baseURL: config.MISTRAL_BASE_URL, apiKey: config.MISTRAL_API_KEY, maxRetries: 0 })
  const user = `${PASSAGES.map(({ text }) => text).join('\n')}\n${QUESTION}`
  return async () => {
    await client.chat.completions.create({
      model: DOUBLE_MODELS.chat,
      messages: [
        { role: 'system', content: 'Answer from the passages alone, as JSON.' },
        { role: 'user', content: user },
      ],
      temperature: 0,
      response_format: { type: 'json_object' },
    })
  }
}
