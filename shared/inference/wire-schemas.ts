import { createHash } from 'node:crypto'

/** A tenant may have schemas of its own; what is forgotten costs one refused request. */
const REFUSED_MAX = 1_000

interface Asked {
  model: string
  schema: Record<string, unknown>
}

/** What a server has refused, by model and schema: some know no schemas, others not every keyword. */
export function createRefusedSchemas() {
  const refused = new Set<string>()
  return {
    has: (asked: Asked): boolean => refused.has(keyOf(asked)),
    add: (asked: Asked): void => {
      const [oldest] = refused
      if (refused.size >= REFUSED_MAX && oldest !== undefined) refused.delete(oldest)
      refused.add(keyOf(asked))
    },
  }
}

function keyOf({ model, schema }: Asked): string {
  return createHash('sha256')
    .update(`${model}\n${JSON.stringify(schema)}`)
    .digest('base64')
}
