/**
 * Maps in parallel, at most `atOnce` at a time; results are in the order of the items. The first failure is thrown, after the signal that each work was
 * given has stopped the others: nobody pays for an answer that nobody will use.
 */
export async function mapAtOnce<Item, Result>(
  items: readonly Item[],
  { atOnce, signal }: { atOnce: number; signal: AbortSignal },
  work: (item: Item, ordinal: number, signal: AbortSignal) => Promise<Result>,
): Promise<Result[]> {
  const failed = new AbortController()
  const stop = AbortSignal.any([signal, failed.signal])
  const results = new Array<Result>(items.length)
  const waiting = items.entries()
  let failure: { error: unknown } | undefined
  const worker = async () => {
    // One iterator for all workers: each takes the next item.
    for (const [ordinal, item] of waiting) {
      if (stop.aborted) return
      try {
        results[ordinal] = await work(item, ordinal, stop)
      } catch (error) {
        failure ??= { error }
        failed.abort(error)
        return
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  if (failure) throw failure.error
  signal.throwIfAborted()
  return results
}
