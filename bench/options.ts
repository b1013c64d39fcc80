/** What `npm run bench` gives to each program: `bench/<name>.ts` exports `run(options: Options): Promise<Row[]>`. */
export interface Options {
  rounds: number
  /** Small counts: shows that a program works, not how fast anything is. */
  quick: boolean
  /** Documents to read, for the programs that read documents of others. */
  folder: string | null
  /** Progress, on stderr. */
  say: (line: string) => void
}

/** What was asked for was not delivered exactly: the figures count for nothing, and the run fails. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError'
}

export function expectExactly(what: string, actual: number, expected: number): void {
  if (actual !== expected) throw new DeliveryError(`${what}: ${actual} instead of ${expected}`)
}
