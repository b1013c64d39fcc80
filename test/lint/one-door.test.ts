import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { fakeProvider, testGateway } from '../support/providers.ts'
import { openWorkbench } from '../support/workbench.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** What reaches the network without a library of ours in between, and the files that may: for what, stands beside each. */
const NETWORK: Record<string, { pattern: RegExp; allowed: string[] }> = {
  'calls fetch': {
    pattern: /(?<![.\w'-])(?:globalThis\.)?fetch\b(?!\?:|:)/,
    allowed: [
      // The one way out; it refuses every origin that is not in the register.
      'shared/inference/outbound.ts',
      // The wire to model providers, which is given that one: its type, and the layer that calls it.
      'shared/inference/wire.ts',
      'shared/inference/openai-wire.ts',
      'shared/inference/wire-fetch.ts',
      'shared/masking/presidio.ts',
      // The command line speaks to our own server.
      'services/cli/http.ts',
    ],
  },
  'opens sockets': {
    pattern: /(?:from|import|require)[\s(]*['"](?:node:)?(?:https?|http2|net|tls|dgram|dns|dns\/promises|inspector|undici)['"]/,
    allowed: [
      // The one way out (undici).
      'shared/inference/outbound.ts',
      // Asks for a free port for the database server.
      'shared/database/embedded-server.ts',
      // Types of our own server alone.
      'shared/runtime/http.ts',
      'services/ingest/progress.ts',
    ],
  },
  'opens streams': { pattern: /\b(?:WebSocket|EventSource|XMLHttpRequest|WebTransport|sendBeacon)\b/, allowed: [] },
  'makes a provider': {
    pattern:
      /\bcreate(?:Mistral|Vllm|Ollama|OpenAiCompatible|Builtin|Model)Provider\b|\bcreate(?:Wire|WireFetch|Outbound|Order)\b|\bloadRules\b/,
    allowed: [
      'shared/inference/outbound.ts',
      'shared/inference/openai-wire.ts',
      'shared/inference/wire-fetch.ts',
      'shared/inference/model-provider.ts',
      'shared/inference/mistral.ts',
      'shared/inference/vllm.ts',
      'shared/inference/ollama.ts',
      'shared/inference/openai-compatible.ts',
      'shared/inference/builtin/provider.ts',
      // Where the configuration becomes providers, and where they are given to the gateway.
      'shared/runtime/providers.ts',
      'shared/runtime/rules.ts',
      'shared/runtime/platform.ts',
      // Opens a way out to the place that keeps checkpoints, for that origin alone: ids, sizes, hashes and signatures, no personal data.
      'services/compliance/ledger/checkpoint-targets.ts',
    ],
  },
  'names a provider’s interface': {
    pattern: /import[^'"]*\bProvider\b[^'"]*['"][^'"]*inference\/provider\.ts/,
    allowed: ['shared/runtime/providers.ts'],
  },
}

test('nothing but the wire of the model providers reaches the network, and nothing but the platform holds a provider', () => {
  const files = ['shared', 'services'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((path) => `${folder}/${path}`),
  )
  const sources = files.filter((path) => /\.(?:ts|mjs|js|cjs)$/.test(path))
  expect(sources.length).toBeGreaterThan(100)
  expect(sources.flatMap((path) => complaints(path, readFileSync(join(ROOT, path), 'utf8')))).toEqual([])
})

test('the wire has no way out of its own: where it is given none, there is none', () => {
  const wire = readdirSync(join(ROOT, 'shared/inference')).filter((name) => name.endsWith('.ts') && name !== 'outbound.ts')
  for (const name of wire) {
    const code = withoutComments(readFileSync(join(ROOT, 'shared/inference', name), 'utf8'))
    expect(code, name).not.toMatch(/\?\? fetch\b|= fetch\b|: fetch\b|globalThis|undici/)
  }
})

test('each way out is seen when somebody plants it', () => {
  const planted = [
    'await fetch(url)',
    'const send = globalThis.fetch',
    "import { request } from 'node:https'",
    "const net = await import('net')",
    "import { Agent } from 'undici'",
    'const out = createOutbound({ allowedOrigins, proxy: {} })',
    'new WebSocket(url)',
    'const model = createMistralProvider(options)',
    "import type {\n  Task,\n  Provider,\n} from '../../shared/inference/provider.ts'",
  ]
  for (const text of planted) expect(complaints('services/retrieval/planted.ts', text), text).toHaveLength(1)
  expect(complaints('services/retrieval/planted.ts', "import type { Passage } from '../../shared/inference/provider.ts'")).toEqual([])
})

test('what the gateway shows of its providers, and what it returns of one, can not be called', async () => {
  const bench = await openWorkbench()
  const gateway = testGateway(bench.database, [fakeProvider('inside')])
  const subject = {
    document_id: null,
    revision: null,
    page: null,
    sensitivity: 'internal',
    data_classes: ['personal'],
    purpose: 'test',
  } as const
  const { provider } = await gateway.call(
    {
      tenant_id: bench.tenantId,
      task: 'answer',
      step: 'answer',
      tokens: 0,
      language: null,
      subjects: [subject],
      signal: new AbortController().signal,
    },
    (chosen, signal) => chosen.answer('?', [], signal),
  )
  for (const shown of [...Object.values(gateway.order).flat(), provider]) {
    expect(shown.processor).toBe('inside')
    expect(Object.values(shown).filter((value) => typeof value === 'function')).toEqual([])
  }
  await bench.close()
})

function complaints(path: string, text: string): string[] {
  const code = withoutComments(text)
  return Object.entries(NETWORK)
    .filter(([, { pattern, allowed }]) => !allowed.includes(path) && pattern.test(code))
    .map(([what]) => `${path} ${what}`)
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, '')
}
