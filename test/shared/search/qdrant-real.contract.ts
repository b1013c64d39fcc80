import { randomUUID } from 'node:crypto'
import { createQdrantSearch } from '../../../shared/search/qdrant.ts'
import { describeSearchStore } from './contract.ts'

/** The contract on a real server. `npm run test:qdrant` runs it; its name keeps it out of `npm test`. The collection is left behind, under a name of its own. */
const { QDRANT_URL: url, QDRANT_API_KEY: apiKey } = process.env
if (!url) throw new Error('QDRANT_URL must name a Qdrant server, 1.19 or later')

/** Longer than a request to a server nearby takes: without it a rebuild waits for half a minute. */
const settleMs = 2_000

describeSearchStore('qdrant on a real server', async () =>
  createQdrantSearch({ url, apiKey, collection: `greffier-test-${randomUUID()}`, settleMs }),
)
