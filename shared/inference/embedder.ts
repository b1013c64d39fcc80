import { AppError, type ErrorCode } from '../contracts/errors.ts'
import type { Tenants } from '../database/tenants.ts'
import type { CallContext, ModelGateway } from './gateway.ts'
import type { Provider } from './provider.ts'
import { estimateTokens } from './token-estimate.ts'

/** Texts of one call; a provider splits them further as its own limits ask. */
const BATCH_TEXTS = 256

type EmbedContext = Omit<CallContext, 'task' | 'only' | 'tokens'>

/** Nothing of that keeps a question from being asked by its tokens. */
const UNEMBEDDED: ReadonlySet<ErrorCode> = new Set([
  'POLICY_REFUSED',
  'MODEL_UNAVAILABLE',
  'MODEL_BUSY',
  'BUDGET_EXHAUSTED',
  'BUDGET_TOO_SMALL',
  'MASKING_UNAVAILABLE',
])

export interface Embedder {
  /** One vector per text in order, or null where the policy keeps this data from the tenant's embedder: it is then found by its tokens alone. */
  embed(context: EmbedContext, texts: readonly string[]): Promise<Float32Array[] | null>
  /**
   * The vector of a question, or null where there is nothing to compare it with or no way to make it: no document was embedded yet, the policy keeps
   * questions from the embedder, or it is not configured or does not answer, nor what masking needs. The question is then asked by its tokens alone.
   */
  embedQuestion(context: EmbedContext, text: string): Promise<Float32Array | null>
}

/**
 * A collection of vectors belongs to one embedder: a tenant is bound to the first configured one when it first embeds, and stays with it.
 * Throws EMBEDDER_MISMATCH when that one is no longer configured, and what the provider throws.
 */
export function createEmbedder(gateway: ModelGateway, tenants: Tenants): Embedder {
  return {
    embed: async (context, texts) => {
      const bound = await boundProvider(gateway, tenants, context.tenant_id)
      const vectors: Float32Array[] = []
      for (let start = 0; start < texts.length; start += BATCH_TEXTS) {
        const batch = texts.slice(start, start + BATCH_TEXTS)
        try {
          const { value } = await gateway.call(
            { ...context, task: 'embed', only: bound, tokens: estimateTokens(batch) },
            (provider, signal) => provider.embed(batch, signal),
          )
          vectors.push(...value)
        } catch (error) {
          if (error instanceof AppError && error.code === 'POLICY_REFUSED') return null
          throw error
        }
      }
      return vectors
    },
    embedQuestion: async (context, text) => {
      const bound = await tenants.embedder(context.tenant_id)
      const provider = gateway.order.embed.find((candidate) => nameOf(candidate) === bound)
      if (!provider) return null
      try {
        const { value } = await gateway.call(
          { ...context, task: 'embed', only: provider.processor, tokens: estimateTokens([text]) },
          (chosen, signal) => chosen.embed([text], signal),
        )
        return value[0] ?? null
      } catch (error) {
        if (error instanceof AppError && UNEMBEDDED.has(error.code)) return null
        throw error
      }
    },
  }
}

async function boundProvider(gateway: ModelGateway, tenants: Tenants, tenantId: string): Promise<string> {
  const first = gateway.order.embed[0]
  if (!first) throw new AppError('POLICY_REFUSED', 'no provider is configured')
  const bound = await tenants.bindEmbedder(tenantId, nameOf(first))
  const provider = gateway.order.embed.find((candidate) => nameOf(candidate) === bound)
  if (!provider) throw new AppError('EMBEDDER_MISMATCH', `the tenant's vectors were made by ${bound}, which is not configured`)
  return provider.processor
}

/** Vectors of one name are comparable. */
function nameOf({ processor, models }: Pick<Provider, 'processor' | 'models'>): string {
  return `${processor}/${models.embed}`
}
