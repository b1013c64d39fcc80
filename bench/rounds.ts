/** What one piece of measured work cost: time on the wall, processor time of every process that took part, and how many items were done. */
export interface Figures {
  wallMs: number
  cpuMs: number
  count: number
}

export interface Contenders {
  product: () => Promise<Figures>
  baseline: () => Promise<Figures>
}

/** Round by round, so that both meet the same machine; who goes first alternates. Each has one uncounted run before, to warm up. */
export async function interleave(rounds: number, contenders: Contenders): Promise<{ product: Figures[]; baseline: Figures[] }> {
  await contenders.baseline()
  await contenders.product()
  const measured: { product: Figures[]; baseline: Figures[] } = { product: [], baseline: [] }
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? (['product', 'baseline'] as const) : (['baseline', 'product'] as const)
    for (const name of order) measured[name].push(await contenders[name]())
  }
  return measured
}

/** Throws for an empty list. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.ceil(sorted.length / 2) - 1]
  if (upper === undefined || lower === undefined) throw new Error('there is no median of nothing')
  return (lower + upper) / 2
}

export function spread(values: readonly number[]): { min: number; max: number } {
  return { min: Math.min(...values), max: Math.max(...values) }
}

export const perSecond = ({ count, wallMs }: Figures): number => (count / wallMs) * 1_000
export const wallMsEach = ({ count, wallMs }: Figures): number => wallMs / count
export const cpuMsEach = ({ count, cpuMs }: Figures): number => cpuMs / count

/** Work in this process; `count` is of whatever the figure is told by. */
export async function timedHere(count: number, work: () => Promise<void>): Promise<Figures> {
  const cpuBefore = process.cpuUsage()
  const startedAtMs = performance.now()
  await work()
  const wallMs = performance.now() - startedAtMs
  const { user, system } = process.cpuUsage(cpuBefore)
  return { wallMs, cpuMs: (user + system) / 1_000, count }
}
