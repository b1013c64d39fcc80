import { LedgerError, type LedgerErrorCode } from './ledger-error.ts'

/** Further problems are counted, not told. */
const PROBLEMS_MAX = 1_000
const NOWHERE = { leaf: null, event_id: null }

export type ProblemCode =
  | LedgerErrorCode
  | 'FILE_MISSING'
  | 'FILE_CHANGED'
  | 'FILE_ADDED'
  | 'EVENT_CHANGED'
  | 'EVENT_MOVED'
  | 'EVENT_ADDED'
  | 'EVENT_REMOVED'
  | 'ROOT_WRONG'
  | 'HISTORY_WRONG'
  | 'UNPROVEN'

/** What only keeps the check from being done; everything else contradicts something that was signed. */
const INCOMPLETE: ReadonlySet<ProblemCode> = new Set(['FILE_MISSING', 'UNPROVEN'])

/** `path` is a file of the bundle, or what the caller gave beside it. `event_id` is what the line itself says, where it can be read. */
export interface Problem {
  code: ProblemCode
  path: string
  leaf: number | null
  event_id: string | null
  what: string
}

/**
 * `whole`: every byte is what the log's key signed, and the events are all that the log holds from leaf to leaf. `tampered`: something contradicts
 * that. `incomplete`: nothing does, but something that the check needs is not there.
 */
export type BundleStatus = 'whole' | 'tampered' | 'incomplete'

export class Findings {
  readonly problems: Problem[] = []
  #more = 0
  #tampered = false

  /** Problems beyond those in `problems`. */
  get more(): number {
    return this.#more
  }

  get status(): BundleStatus {
    if (this.#tampered) return 'tampered'
    return this.problems.length > 0 ? 'incomplete' : 'whole'
  }

  add(code: ProblemCode, path: string, what: string, at: { leaf: number | null; event_id: string | null } = NOWHERE): void {
    if (!INCOMPLETE.has(code)) this.#tampered = true
    if (this.problems.length >= PROBLEMS_MAX) this.#more += 1
    else this.problems.push({ code, path, ...at, what })
  }

  count(more: number): void {
    this.#more += more
  }

  /** What `read` returns; where it refuses what it reads, that is a problem of the file at `path`, and undefined is returned. */
  async attempt<T>(path: string, read: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error
      this.add(error.code, path, error.detail)
      return undefined
    }
  }
}
