import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/folder.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const BIOME = join(ROOT, 'node_modules/@biomejs/biome/bin/biome')

const NO_SERVICE = 'shared imports no service'
const CONTRACTS = 'contracts does no I/O and imports only zod, uuid and itself'
const POLICY = 'policy does no I/O and imports only zod, contracts and itself'
const LEDGER = 'ledger does no I/O and imports only zod, canonicalize, @noble/*, contracts, policy and itself'
const OTHER_SERVICE = 'a service imports shared and itself, never another service'
const COMPOSE = 'standalone and cli compose the other services through their app.ts and run.ts only'
const OTHER_STAGE = 'a stage never imports another stage'
const ENVIRONMENT = "Don't use process.env."
const VENDORS = {
  openai: 'only shared/inference/openai-wire.ts imports openai',
  'openai/resources': 'only shared/inference/openai-wire.ts imports openai',
  '@qdrant/js-client-rest': 'only shared/search/qdrant*.ts imports @qdrant/js-client-rest',
  'sqlite-vec': 'only shared/search/sqlite*.ts imports sqlite-vec',
  'node:sqlite': 'only shared/search and embedded-lock.ts import node:sqlite',
  ioredis: 'only shared/queue imports ioredis',
  bullmq: 'only shared/queue imports bullmq',
  pg: 'only shared/database and shared/queue import pg',
  'pdf-parse': 'only services/workers/extract imports extractors',
  'pdf-parse/node': 'only services/workers/extract imports extractors',
  'html-to-text': 'only services/workers/extract imports extractors',
  'csv-stringify/sync': 'only shared/exports/csv.ts imports csv-stringify',
  pdfkit: 'only services/compliance/pdf/report.ts and samples/paper.ts import pdfkit',
  fastify: 'only services and shared/runtime/http*, auth import fastify',
  'fastify-type-provider-zod': 'only services and shared/runtime/http*, auth import fastify',
  '@fastify/multipart': 'only services and shared/runtime/http*, auth import fastify',
} as const

/** What each place may import of the vendors; the rest of them must be refused there. */
const VENDOR_PLACES: Record<string, (keyof typeof VENDORS)[]> = {
  'shared/blobs/planted.ts': [],
  'shared/exports/csv.ts': ['csv-stringify/sync'],
  'shared/inference/planted.ts': [],
  'shared/inference/openai-wire.ts': ['openai', 'openai/resources'],
  'shared/search/planted.ts': ['node:sqlite'],
  'shared/search/sqlite-planted.ts': ['node:sqlite', 'sqlite-vec'],
  'shared/search/qdrant.ts': ['@qdrant/js-client-rest'],
  'shared/queue/planted.ts': ['ioredis', 'bullmq', 'pg'],
  'shared/database/planted.ts': ['pg'],
  'shared/database/embedded-lock.ts': ['node:sqlite'],
  'shared/runtime/planted.ts': [],
  'shared/runtime/http-planted.ts': ['fastify', 'fastify-type-provider-zod', '@fastify/multipart'],
  'shared/runtime/auth.ts': ['fastify', 'fastify-type-provider-zod', '@fastify/multipart'],
  'services/ingest/planted.ts': ['fastify', 'fastify-type-provider-zod', '@fastify/multipart'],
  'services/workers/planted.ts': ['fastify', 'fastify-type-provider-zod', '@fastify/multipart'],
  'services/workers/enrich/planted.ts': ['fastify', 'fastify-type-provider-zod', '@fastify/multipart'],
  'services/workers/extract/planted.ts': [
    'pdf-parse',
    'pdf-parse/node',
    'html-to-text',
    'fastify',
    'fastify-type-provider-zod',
    '@fastify/multipart',
  ],
  'services/cli/planted.ts': ['fastify', 'fastify-type-provider-zod', '@fastify/multipart'],
  'services/compliance/planted.ts': ['fastify', 'fastify-type-provider-zod', '@fastify/multipart'],
  'services/compliance/pdf/report.ts': ['pdfkit', 'fastify', 'fastify-type-provider-zod', '@fastify/multipart'],
  'samples/planted.ts': [],
  'samples/paper.ts': ['pdfkit'],
  'test/planted.ts': Object.keys(VENDORS) as (keyof typeof VENDORS)[],
}

/** Statement → the message that must answer it, or null where it is allowed. */
const LAYERS: Record<string, Record<string, string | null>> = {
  'shared/contracts/layer.ts': {
    [imports('zod')]: null,
    [imports('uuid')]: null,
    [imports('./ids.ts')]: null,
    [imports('../policy/decide.ts')]: CONTRACTS,
    [imports('../database/connection.ts')]: CONTRACTS,
    [imports('node:fs')]: CONTRACTS,
    [imports('kysely')]: CONTRACTS,
    [imports('../../services/ingest/app.ts')]: CONTRACTS,
  },
  'shared/policy/layer.ts': {
    [imports('zod')]: null,
    [imports('./register.ts')]: null,
    [imports('../contracts/ids.ts')]: null,
    [imports('../ledger/tree.ts')]: POLICY,
    [imports('../inference/provider.ts')]: POLICY,
    [imports('node:crypto')]: POLICY,
    [imports('uuid')]: POLICY,
  },
  'shared/ledger/layer.ts': {
    [imports('zod')]: null,
    [imports('canonicalize')]: null,
    [imports('@noble/hashes/sha2.js')]: null,
    [imports('./tree.ts')]: null,
    [imports('../contracts/record.ts')]: null,
    [imports('../database/events.ts')]: LEDGER,
    [imports('node:crypto')]: LEDGER,
  },
  'shared/database/layer.ts': { [imports('../contracts/ids.ts')]: null, [imports('../../services/ingest/app.ts')]: NO_SERVICE },
  'shared/queue/layer.ts': { [imports('../database/outbox.ts')]: null, [imports('../../services/workers/loop.ts')]: NO_SERVICE },
  'shared/search/layer.ts': { [imports('../../services/retrieval/app.ts')]: NO_SERVICE },
  'shared/runtime/http-layer.ts': { [imports('../../services/retrieval/app.ts')]: NO_SERVICE },
  'services/ingest/layer.ts': {
    [imports('./upload.ts')]: null,
    [imports('../../shared/contracts/retrieval.ts')]: null,
    [imports('../workers/loop.ts')]: OTHER_SERVICE,
    [imports('../retrieval/app.ts')]: OTHER_SERVICE,
    [imports('../compliance/app.ts')]: OTHER_SERVICE,
    [imports('../console/app.ts')]: OTHER_SERVICE,
    [imports('../standalone/run.ts')]: OTHER_SERVICE,
    [imports('../cli/main.ts')]: OTHER_SERVICE,
    "import type { App } from '../retrieval/app.ts'": OTHER_SERVICE,
    "export * from '../retrieval/app.ts'": OTHER_SERVICE,
    "await import('../retrieval/app.ts')": OTHER_SERVICE,
  },
  'services/ingest/routes/layer.ts': { [imports('../upload.ts')]: null, [imports('../../retrieval/app.ts')]: OTHER_SERVICE },
  'services/compliance/layer.ts': { [imports('../ingest/app.ts')]: OTHER_SERVICE },
  'services/retrieval/layer.ts': { [imports('../ingest/app.ts')]: OTHER_SERVICE },
  'services/workers/layer.ts': { [imports('./extract/stage.ts')]: null, [imports('../ingest/app.ts')]: OTHER_SERVICE },
  'services/workers/extract/layer.ts': {
    [imports('./sandbox.ts')]: null,
    [imports('../stage.ts')]: null,
    [imports('../enrich/stage.ts')]: OTHER_STAGE,
    [imports('../../ingest/sniff.ts')]: OTHER_SERVICE,
  },
  'services/workers/enrich/layer.ts': { [imports('../index/chunk.ts')]: OTHER_STAGE, [imports('../../ingest/sniff.ts')]: OTHER_SERVICE },
  'services/workers/index/layer.ts': { [imports('../erase/stage.ts')]: OTHER_STAGE },
  'services/workers/done/layer.ts': { [imports('../extract/stage.ts')]: OTHER_STAGE },
  'services/workers/erase/layer.ts': { [imports('../done/stage.ts')]: OTHER_STAGE },
  'services/standalone/layer.ts': {
    [imports('../ingest/app.ts')]: null,
    [imports('../workers/run.ts')]: null,
    [imports('../ingest/upload.ts')]: COMPOSE,
  },
  'services/cli/layer.ts': {
    [imports('./client.ts')]: null,
    [imports('../standalone/run.ts')]: null,
    [imports('../workers/extract/sandbox.ts')]: COMPOSE,
  },
  'shared/runtime/config.ts': { "export const mode = process.env['MODE']": null },
  'shared/runtime/environment.ts': { "export const mode = process.env['MODE']": ENVIRONMENT },
  'shared/search/environment.ts': { "export const mode = process.env['MODE']": ENVIRONMENT },
  'services/ingest/environment.ts': { "export const mode = process.env['MODE']": ENVIRONMENT },
  'services/cli/environment.ts': { "export const mode = process.env['MODE']": ENVIRONMENT },
  'infra/run.mjs': { "export const mode = process.env['MODE']": null },
  'infra/other.mjs': { "export const mode = process.env['MODE']": ENVIRONMENT },
  'test/run.ts': { "export const mode = process.env['MODE']": null },
}

test('the lint refuses every import that crosses a boundary of the design, says why, and refuses nothing else', () => {
  const folder = temporaryFolder()
  const expected: string[] = []
  const plant = (path: string, statements: Record<string, string | null>) => {
    let line = 1
    for (const [statement, message] of Object.entries(statements)) {
      if (message !== null) expected.push(`${path}:${line} ${message}`)
      line += statement.split('\n').length
    }
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), `${Object.keys(statements).join('\n')}\n`)
  }
  for (const [path, statements] of Object.entries(LAYERS)) plant(path, statements)
  for (const [path, allowed] of Object.entries(VENDOR_PLACES))
    plant(
      path,
      Object.fromEntries(
        Object.entries(VENDORS).map(([name, message]) => [imports(name), allowed.some((one) => one === name) ? null : message]),
      ),
    )
  for (const file of ['biome.json', '.gitignore']) copyFileSync(join(ROOT, file), join(folder, file))

  const lint = spawnSync(process.execPath, [BIOME, 'lint', '--reporter=github', '--max-diagnostics=none', '.'], {
    cwd: folder,
    encoding: 'utf8',
  })

  expect(lint.status).toBe(1)
  expect(complaints(lint.stdout, folder)).toEqual(expected.sort())
})

function imports(module: string): string {
  return `import '${module}'`
}

/** `path:line message` of each diagnostic of the two rules. */
function complaints(output: string, folder: string): string[] {
  const pattern = /^::error title=lint\/style\/(?:noRestrictedImports|noProcessEnv),file=(.*?),line=(\d+),.*?::(.*)$/gm
  return [...output.matchAll(pattern)].map(([, file, line, message]) => `${file?.replace(`${folder}/`, '')}:${line} ${message}`).sort()
}
