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
      // The wire to model providers, and what makes one: the gateway's callback alone reaches them.
      'shared/inference/openai-wire.ts',
      'shared/inference/wire-fetch.ts',
      'shared/inference/mistral.ts',
      'shared/inference/openai-compatible.ts',
      // Takes the caller's `fetch`, for the recogniser of names.
      'shared/masking/presidio.ts',
      // The command line speaks to our own server.
      'services/cli/http.ts',
    ],
  },
  'opens sockets': {
    pattern: /(?:from|import|require)[\s(]*['"](?:node:)?(?:https?|http2|net|tls|dgram|dns|dns\/promises|inspector|undici)['"]/,
    allowed: [
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
      /\bcreate(?:Mistral|OpenAiCompatible|Builtin|Model)Provider\b|\bcreateWire\b|\bcreateWireFetch\b|\bcreateProviders\b|\bloadRules\b/,
    allowed: [
      'shared/inference/openai-wire.ts',
      'shared/inference/wire-fetch.ts',
      'shared/inference/model-provider.ts',
      'shared/inference/mistral.ts',
      'shared/inference/openai-compatible.ts',
      'shared/inference/builtin/provider.ts',
      // Where the configuration becomes providers, and where they are given to the gateway.
      'shared/runtime/providers.ts',
      'shared/runtime/rules.ts',
      'shared/runtime/platform.ts',
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

test('each way out is seen when somebody plants it', () => {
  const planted = [
    'await fetch(url)',
    'const send = globalThis.fetch',
    "import { request } from 'node:https'",
    "const net = await import('net')",
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
    { tenant_id: bench.tenantId, task: 'answer', step: 'answer', subjects: [subject], signal: new AbortController().signal },
    (chosen, signal) => chosen.answer('?', [], signal),
  )
  for (const shown of [...gateway.providers, provider]) {
    expect(shown.processor).toBe('inside')
    expect(Object.values(shown).filter((value) => typeof value === 'function')).toEqual([])
  }
  await bench.close()
})

function complaints(path: string, text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, '')
  return Object.entries(NETWORK)
    .filter(([, { pattern, allowed }]) => !allowed.includes(path) && pattern.test(code))
    .map(([what]) => `${path} ${what}`)
}
