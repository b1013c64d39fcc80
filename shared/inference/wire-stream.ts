import { z } from 'zod'
import { AppError } from '../contracts/errors.ts'
import type { ChatDelta, ToolCall } from './chat.ts'
import { Arguments, assertFinished, Content, TOOL_CALLS_MAX, toolCall } from './wire-chat.ts'
import { invalid } from './wire-error.ts'
import { type AnswerSource, factsOf, Stated, Usage } from './wire-facts.ts'

/** No text of ours has such a gap; a model in JSON mode that has lost its thread fills its answer with it. Characters. */
const WHITE_SPACE_MAX = 1_024

const ToolPiece = z.object({
  index: z.int().min(0).nullish(),
  id: z.string().nullish(),
  function: z.object({ name: z.string().nullish(), arguments: Arguments.nullish() }),
})

const Chunk = z.object({
  ...Stated,
  choices: z
    .array(
      z.object({
        finish_reason: z.string().nullish(),
        delta: z.object({ content: Content, refusal: z.string().nullish(), tool_calls: z.array(ToolPiece).nullish() }).nullish(),
      }),
    )
    .nullish(),
  usage: Usage,
})

export interface StreamSource extends AnswerSource {
  chunks: AsyncIterable<unknown>
}

/** Hands on what the chunks of a streamed chat completion say, tool calls when they are whole. Throws MODEL_OUTPUT_INVALID, MODEL_REFUSED, MODEL_UNAVAILABLE. */
export async function readStream(source: StreamSource, emit: (delta: ChatDelta) => Promise<void>): Promise<void> {
  const calls = createToolCalls()
  const assertNoGap = createGapGuard()
  const stated: Pick<z.infer<typeof Chunk>, 'id' | 'model' | 'usage'> = {}
  let finished: string | null = null
  for await (const data of source.chunks) {
    const chunk = Chunk.safeParse(data)
    if (!chunk.success) throw invalid('not a piece of a chat completion')
    stated.id ??= chunk.data.id
    stated.model ??= chunk.data.model
    stated.usage = chunk.data.usage ?? stated.usage
    const choice = chunk.data.choices?.[0]
    finished ??= choice?.finish_reason ?? null
    if (choice?.delta?.refusal) assertFinished(finished, choice.delta.refusal)
    for (const [at, piece] of (choice?.delta?.tool_calls ?? []).entries()) calls.add(piece, at)
    const text = choice?.delta?.content ?? ''
    if (text === '') continue
    assertNoGap(text)
    await emit({ kind: 'text', text })
  }
  if (finished === null) throw new AppError('MODEL_UNAVAILABLE', 'the stream ended before the answer did')
  const facts = factsOf(stated, source)
  assertFinished(finished)
  for (const call of calls.whole()) await emit({ kind: 'tool_call', call })
  await emit({ kind: 'end', facts })
}

function createToolCalls() {
  const calls: { index: number; id: string | null; name: string; given: string | Record<string, unknown> }[] = []
  return {
    /** Some servers number the calls, some give each an id of its own and the same number. */
    add: ({ index, id, function: piece }: z.infer<typeof ToolPiece>, at: number) => {
      const number = index ?? at
      const named = id && id !== 'null' ? id : null
      const known = calls.findLast((call) => call.index === number && (named === null || call.id === null || call.id === named))
      const call = known ?? { index: number, id: named, name: '', given: '' }
      if (!known && calls.push(call) > TOOL_CALLS_MAX) throw invalid(`more than ${TOOL_CALLS_MAX} tool calls`)
      call.id ??= named
      if (call.name === '') call.name = piece.name ?? ''
      const given = piece.arguments ?? ''
      call.given = typeof given === 'string' && typeof call.given === 'string' ? call.given + given : given
    },
    whole: (): ToolCall[] => calls.map(({ id, name, given }, at) => toolCall(id, at, name, given)),
  }
}

function createGapGuard(): (text: string) => void {
  let length = 0
  return (text) => {
    const tail = text.length - text.trimEnd().length
    length = tail === text.length ? length + tail : tail
    if (length > WHITE_SPACE_MAX) throw invalid('the model writes white space and nothing else')
  }
}

/**
 * What `produce` emits, in order, one piece ahead at most. The consumer that stops early aborts the signal, and `produce` has ended when the loop has. Throws
 * what `produce` throws, after the pieces before.
 */
export async function* pulled<T>(
  signal: AbortSignal,
  produce: (emit: (piece: T) => Promise<void>, signal: AbortSignal) => Promise<void>,
): AsyncGenerator<T, void, undefined> {
  const { readable, writable } = new TransformStream<T, T>()
  const writer = writable.getWriter()
  const left = new AbortController()
  const producing = produce((piece) => writer.write(piece), AbortSignal.any([signal, left.signal])).then(
    () => writer.close(),
    (error: unknown) => writer.abort(error),
  )
  try {
    yield* readable
  } finally {
    left.abort(new AppError('MODEL_UNAVAILABLE', 'stopped by the caller'))
    await producing
  }
}

/** A consumer that is slow holds the stream up, not its end. */
export async function unlessAborted(signal: AbortSignal, emitting: Promise<void>): Promise<void> {
  signal.throwIfAborted()
  let stop: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    await Promise.race([emitting, aborted])
  } finally {
    if (stop) signal.removeEventListener('abort', stop)
  }
}
