import { AppError } from '../contracts/errors.ts'
import type { CallFacts, ProviderResult } from './provider.ts'

/** Of what a model wrote, as much as is shown to it again. UTF-16 code units. */
const SHOWN_LENGTH_MAX = 20_000

/** What a repetition says beside the same question. */
export interface Complaint {
  /** What was wrong, by the schema's own names. */
  problem: string
  /** What the model wrote, where it was JSON. */
  written: string | null
}

/**
 * Asks, and once more where the answer is not what was asked for: then with what was wrong. The second failure is the caller's, and so is everything but
 * MODEL_OUTPUT_INVALID, and an answer that was cut by its length, which a repetition would be too. The facts are of both requests together.
 */
export async function askTwice<T>(
  ask: (complaint: Complaint | null) => Promise<ProviderResult<unknown>>,
  read: (output: unknown) => T,
): Promise<ProviderResult<T>> {
  const first = await answered(() => ask(null))
  const value = first.kind === 'answer' ? attempt(() => read(first.result.value)) : first
  if (value.kind === 'value' && first.kind === 'answer') return { value: value.value, facts: first.result.facts }
  const problem = value.kind === 'invalid' ? (value.error.detail ?? 'not what was asked for') : 'not what was asked for'
  const written = first.kind === 'answer' ? JSON.stringify(first.result.value).slice(0, SHOWN_LENGTH_MAX) : null
  const second = await ask({ problem, written })
  const facts = first.kind === 'answer' ? sumFacts(first.result.facts, second.facts) : second.facts
  return { value: read(second.value), facts }
}

/** Of several requests: the last one's model and id, and all tokens and pages. */
export function sumFacts(before: CallFacts, last: CallFacts): CallFacts {
  return {
    ...last,
    tokensIn: before.tokensIn + last.tokensIn,
    tokensCached: before.tokensCached + last.tokensCached,
    tokensOut: before.tokensOut + last.tokensOut,
    ...((before.pages ?? last.pages) !== undefined && { pages: (before.pages ?? 0) + (last.pages ?? 0) }),
  }
}

/** The answer ended because it was too long, or for any other reason but that it was complete. */
export function isCut(error: unknown): boolean {
  return error instanceof AppError && error.code === 'MODEL_OUTPUT_INVALID' && error.detail?.startsWith('finish_reason') === true
}

type Invalid = { kind: 'invalid'; error: AppError }

async function answered(
  ask: () => Promise<ProviderResult<unknown>>,
): Promise<{ kind: 'answer'; result: ProviderResult<unknown> } | Invalid> {
  try {
    return { kind: 'answer', result: await ask() }
  } catch (error) {
    return repairable(error)
  }
}

function attempt<T>(read: () => T): { kind: 'value'; value: T } | Invalid {
  try {
    return { kind: 'value', value: read() }
  } catch (error) {
    return repairable(error)
  }
}

function repairable(error: unknown): Invalid {
  if (error instanceof AppError && error.code === 'MODEL_OUTPUT_INVALID' && !isCut(error)) return { kind: 'invalid', error }
  throw error
}
