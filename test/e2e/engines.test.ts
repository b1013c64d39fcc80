import { expect, test } from 'vitest'
import { startGreffier } from '../support/greffier.ts'
import { startQdrantDouble } from '../support/qdrant-double.ts'
import { testRedis } from '../support/redis.ts'

const TEXT = 'The caretaker of the lighthouse is paid 1,250.00 EUR on the first working day of each month.\n'

test('over Redis and Qdrant the same documents complete, answer and are erased as over the embedded engines', async () => {
  const redis = await testRedis()
  const qdrant = await startQdrantDouble()
  const greffier = await startGreffier({ QUEUE_URL: redis.url, QDRANT_URL: qdrant.url })
  try {
    const uploads = await Promise.all(
      [1, 2, 3, 4].map((number) => greffier.upload(`${TEXT}Copy ${number}.`, { file_name: `${number}.txt` })),
    )
    for (const { document_id } of uploads) expect(await greffier.settled(document_id)).toMatchObject({ status: 'completed' })

    const answer = await greffier.json<{ citations: { document_id: string; quote: string; verified: boolean }[] }>('/v1/answers', {
      question: 'How much is the caretaker of the lighthouse paid?',
    })
    expect(answer.citations[0]).toMatchObject({ verified: true, quote: expect.stringContaining('1,250.00 EUR') })

    for (const { document_id } of uploads) await greffier.erase(document_id)
    expect(await greffier.json('/v1/search', { query: 'caretaker lighthouse' })).toEqual({ hits: [] })
    const stores = (await greffier.record(uploads[0]?.document_id ?? '')).at(-1)?.stores.map(({ store }) => store)
    expect(stores).toEqual(expect.arrayContaining(['qdrant', 'filesystem', 'postgres']))
  } finally {
    await greffier.close()
    await qdrant.close()
    await redis.close()
  }
})
