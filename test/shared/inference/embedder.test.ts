import { afterAll, beforeAll, expect, test } from 'vitest'
import { AppError, ERRORS, type ErrorCode } from '../../../shared/contracts/errors.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import { createEmbedder } from '../../../shared/inference/embedder.ts'
import type { CallSubject } from '../../../shared/inference/gateway.ts'
import type { Provider } from '../../../shared/inference/provider.ts'
import { fakeProvider, testGateway } from '../../support/providers.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench

beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

test('of two processes that embed first for a tenant at once, with different embedders, both use the one that won or one says so', async () => {
  const tenantId = await bench.tenants.create('raced')
  const [inside, outside] = [fakeProvider('inside'), fakeProvider('outside')]
  const results = await Promise.allSettled([
    embed([inside, outside], tenantId, 'none'),
    embed([outside, inside], tenantId, 'none'),
    embed([inside, outside], tenantId, 'none'),
    embed([outside, inside], tenantId, 'none'),
  ])
  expect(results.map((result) => result.status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled'])
  const used = await bench.query<{ used: string }>(
    `SELECT DISTINCT body::jsonb -> 'recipient' ->> 'processor' AS used FROM greffier.events WHERE tenant_id = $1`,
    [tenantId],
  )
  expect(used).toHaveLength(1)
})

test('a tenant stays with its embedder when another is configured before it', async () => {
  const tenantId = await bench.tenants.create('faithful')
  await embed([fakeProvider('inside')], tenantId)
  const before = fakeProvider('outside', { embed: () => Promise.reject(new Error('the wrong embedder was called')) })
  expect(await embed([before, fakeProvider('inside')], tenantId, 'none')).toHaveLength(2)
})

test('when a tenant’s embedder, or its model, is no longer configured, nothing is embedded by another', async () => {
  const tenantId = await bench.tenants.create('left')
  await embed([fakeProvider('inside')], tenantId)
  const renamed = fakeProvider('inside', { models: { ...fakeProvider('inside').models, embed: 'another model' } })
  for (const provider of [renamed, fakeProvider('outside')])
    await expect(embed([provider], tenantId)).rejects.toMatchObject({ code: 'EMBEDDER_MISMATCH' })
})

test('where the policy keeps the data from the embedder there are no vectors, and nobody else’s either', async () => {
  const tenantId = await bench.tenants.create('refused')
  const [outside, inside] = [
    fakeProvider('outside'),
    fakeProvider('inside', { embed: () => Promise.reject(new Error('another space’s vectors')) }),
  ]
  expect(await embed([outside, inside], tenantId)).toBeNull()
  expect(await embed([outside, inside], tenantId, 'none')).toHaveLength(2)
})

test.each(['MODEL_UNAVAILABLE', 'MASKING_UNAVAILABLE'] as const)(
  'a document waits for its vectors: %s is the caller’s, who tries again',
  async (code) => {
    const failing = fakeProvider('inside', { embed: () => Promise.reject(new AppError(code)) })
    await expect(embed([failing], bench.tenantId)).rejects.toMatchObject({ code })
    expect(ERRORS[code].retry).toBe('transient')
  },
)

test('a thousand texts come back as a thousand vectors in their order, over several calls', async () => {
  const sizes: number[] = []
  const counting = fakeProvider('inside', {
    embed: async (texts) => {
      sizes.push(texts.length)
      const value = texts.map((text) => Float32Array.of(Number(text)))
      return {
        value,
        facts: { endpoint: 'in-process', modelReturned: 'counting', tokensIn: 0, tokensCached: 0, tokensOut: 0, requestId: null },
      }
    },
  })
  const texts = Array.from({ length: 1_000 }, (_, at) => String(at))
  const vectors = await createEmbedder(testGateway(bench.database, [counting]), bench.tenants).embed(context(bench.tenantId), texts)
  expect(vectors?.map((vector) => vector[0])).toEqual(texts.map(Number))
  expect(Math.max(...sizes)).toBeLessThanOrEqual(256)
})

test('a question is embedded by the tenant’s embedder, and binds none where there is none', async () => {
  const tenantId = await bench.tenants.create('asking')
  const uncalled = fakeProvider('inside', { embed: () => Promise.reject(new Error('an unbound embedder was called')) })
  expect(await ask([uncalled], tenantId)).toBeNull()
  expect(await bench.tenants.embedder(tenantId)).toBeNull()
  await embed([fakeProvider('inside')], tenantId)
  expect(await ask([fakeProvider('outside'), fakeProvider('inside')], tenantId)).toBeInstanceOf(Float32Array)
})

test('a question whose embedder is refused, silent or gone, or can’t be masked, is asked by its tokens alone; another failure is the caller’s', async () => {
  const tenantId = await bench.tenants.create('asking in vain')
  await bench.tenants.bindEmbedder(tenantId, 'outside/outside-embed')
  expect(await ask([fakeProvider('outside')], tenantId)).toBeNull()
  expect(await ask([fakeProvider('inside')], tenantId)).toBeNull()
  const failing = (code: ErrorCode) => fakeProvider('outside', { embed: () => Promise.reject(new AppError(code)) })
  for (const code of ['MODEL_UNAVAILABLE', 'MASKING_UNAVAILABLE'] as const) expect(await ask([failing(code)], tenantId, 'none')).toBeNull()
  await expect(ask([failing('MODEL_REFUSED')], tenantId, 'none')).rejects.toMatchObject({ code: 'MODEL_REFUSED' })
})

function ask(providers: Provider[], tenantId: string, dataClass: 'none' | 'personal' = 'personal') {
  const embedder = createEmbedder(testGateway(bench.database, providers), bench.tenants)
  return embedder.embedQuestion(context(tenantId, dataClass), 'who?')
}

function embed(providers: Provider[], tenantId: string, dataClass: 'none' | 'personal' = 'personal') {
  const embedder = createEmbedder(testGateway(bench.database, providers), bench.tenants)
  return embedder.embed(context(tenantId, dataClass), ['one text', 'and a second'])
}

function context(tenant_id: string, dataClass: 'none' | 'personal' = 'personal') {
  const subject: CallSubject = {
    document_id: newId(),
    revision: 1,
    page: null,
    sensitivity: 'internal',
    data_classes: [dataClass],
    purpose: 'test',
  }
  return { tenant_id, step: 'index', language: null, subjects: [subject], signal: new AbortController().signal }
}
