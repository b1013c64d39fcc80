import { JOBS, type Stage } from '../../../shared/contracts/jobs.ts'

/** What the database and the search store say of one document. Stages are named `revision/stage`; lists are sorted. */
export interface View {
  status: string
  error: string | null
  revision: number
  live_revision: number | null
  erased: boolean
  named: boolean
  typed: boolean
  stages: Record<string, Row>
  outbox: string[]
  /** `revision/stage phase result` of every event. */
  events: string[]
  /** `revision table` of every table of content that has rows. */
  content: string[]
  /** The revisions that have points in the search store. */
  points: number[]
  /** How often it was made due again after it had ended as failed or refused. */
  redrives: number
}

interface Row {
  status: 'pending' | 'running' | 'completed' | 'failed'
  epoch: number
  starts: number
  error: string | null
  /** The rules that refused it. */
  under: string[]
  /** The epochs of the starts that have not said that their work has returned, in the order in which they began. */
  open: number[]
}

/** Where a start waits: nothing done yet; `index` allowed to write its points; everything outside PostgreSQL done and nothing committed. */
export type Position = 'begun' | 'registered' | 'worked'

/** How a start ends. `rolled_back` fails inside the transaction of the commit, everything else where the start waits. */
export const ENDINGS = ['ok', 'no_text', 'transient', 'rolled_back', 'unknown', 'poison', 'refused'] as const
export type Ending = (typeof ENDINGS)[number]

const CODES = {
  transient: 'UNAVAILABLE',
  rolled_back: 'UNAVAILABLE',
  unknown: 'INTERNAL',
  poison: 'DOCUMENT_UNREADABLE',
  refused: 'POLICY_REFUSED',
} as const satisfies Partial<Record<Ending, string>>

export interface ModelStart {
  readonly document: ModelDocument
  readonly revision: number
  readonly stage: Stage
  readonly epoch: number
  readonly starts: number
  /** Those that its worker's calls are decided by. */
  readonly rules: string
  position: Position
  /** The loop has given it up (time or shutdown) and its handler has not noticed. */
  abandoned: boolean
  /** What an erasure has seen: something may still be at work. */
  unsettled: boolean
  /** The search store gave it no answer. */
  unanswered: boolean
  /** So much time has passed since it began that it writes nothing any more. */
  timeOver: boolean
}

/** One document as the rules say that it has to be. Every method is one transaction, or one effect outside PostgreSQL. */
export class ModelDocument {
  readonly view: View
  /** The encrypted original, and with it the document's key. */
  original = true
  /** The stages of whose last start so much time has passed that it cannot be at work. */
  readonly #settled = new Set<string>()

  constructor() {
    this.view = {
      status: 'received',
      error: null,
      revision: 0,
      live_revision: null,
      erased: false,
      named: true,
      typed: false,
      stages: {},
      outbox: [],
      events: [],
      content: [],
      points: [],
      redrives: 0,
    }
    this.addRevision()
  }

  addRevision(): void {
    const revision = this.view.revision + 1
    Object.assign(this.view, { revision, status: 'received', error: null })
    this.#schedule(`${revision}/extract`)
  }

  bury(): void {
    if (this.view.erased) return
    Object.assign(this.view, { status: 'erased', error: null, erased: true, named: false, typed: false })
    this.#schedule(`${this.view.revision}/erase`)
  }

  /** Null where nothing is to be started, or the starts are used up. */
  begin(revision: number, stage: Stage, rules: string): ModelStart | null {
    const { view } = this
    const name = `${revision}/${stage}`
    const row = view.stages[name]
    if (stage !== 'erase' && (view.erased || view.revision !== revision)) return null
    if (!row || (row.status !== 'pending' && row.status !== 'running')) return null
    row.status = 'running'
    row.epoch += 1
    row.starts += 1
    row.open = [...(this.#settled.has(name) ? [] : row.open), row.epoch]
    this.#settled.delete(name)
    if (view.status === 'received') view.status = 'processing'
    const { epoch, starts } = row
    const start: ModelStart = {
      document: this,
      revision,
      stage,
      epoch,
      starts,
      rules,
      position: 'begun',
      abandoned: false,
      unsettled: false,
      unanswered: false,
      timeOver: false,
    }
    if (starts <= JOBS[stage].attempts) return start
    this.#fail(start, 'ATTEMPTS_EXHAUSTED', 'failed')
    return null
  }

  /** The next effect outside PostgreSQL; false where the start ends instead. */
  work(start: ModelStart): boolean {
    const { view } = this
    if (start.position === 'worked') {
      this.giveWay(start)
      return false
    }
    if (start.position === 'registered') {
      const points = [...new Set([...view.points, start.revision])].sort()
      const live = view.live_revision ?? 0
      view.points = live > start.revision ? points.filter((revision) => revision >= live) : points
    } else if (start.stage === 'done') {
      view.points = view.points.filter((revision) => revision >= start.revision)
    } else if (start.stage === 'erase') {
      view.points = []
      this.original = false
      start.unsettled = this.#unsettled()
    } else if (!this.original || (start.stage === 'index' && !this.#current(start))) {
      this.giveWay(start)
      return false
    } else if (start.stage === 'index') {
      start.position = 'registered'
      return true
    }
    start.position = 'worked'
    return true
  }

  end(start: ModelStart, ending: Ending): void {
    if (ending === 'ok' || ending === 'no_text' || ending === 'rolled_back')
      while (start.position !== 'worked') if (!this.work(start)) return
    // A refusal is an answer.
    start.unanswered = start.position === 'registered' && (ending === 'transient' || ending === 'unknown')
    if (!this.#current(start)) this.giveWay(start)
    else if (ending === 'ok') this.#complete(start)
    else if (ending === 'no_text') {
      this.#hold(`${start.revision} pages`)
      this.#fail(start, 'NO_TEXT', 'failed')
    } else if (start.stage === 'erase') this.#repeat(start, CODES[ending])
    else if (ending === 'poison') this.#fail(start, CODES[ending], 'failed')
    else if (ending === 'refused') this.#fail(start, CODES[ending], 'refused')
    else this.#repeat(start, CODES[ending])
  }

  /** The loop no longer waits for the handler, which goes on. */
  abandon(start: ModelStart, why: 'time' | 'shutdown'): void {
    start.abandoned = true
    if (!this.#current(start)) return
    if (why === 'time') this.#repeat(start, 'STAGE_TIMEOUT')
    else this.#postpone(start, null, false)
  }

  /** Of a start that has been overtaken. By an erasure or a newer revision it ends so, and makes the erasure due again: it may have written after it. */
  giveWay(start: ModelStart): void {
    const { view } = this
    this.#close(start)
    if (start.stage === 'erase' || (!view.erased && view.revision === start.revision)) return
    const row = this.#row(start)
    const error = view.erased ? 'DOCUMENT_ERASED' : 'REVISION_SUPERSEDED'
    if (row.epoch === start.epoch && row.status === 'running') Object.assign(row, { status: 'failed', error })
    if (!view.erased) return
    view.outbox = view.outbox.filter((name) => !name.endsWith('/erase'))
    this.#schedule(`${view.revision}/erase`)
  }

  /** The stage that ended it is due again; false where none did. */
  redrive(): boolean {
    const { view } = this
    const ended = Object.keys(view.stages).find((name) => name.startsWith(`${view.revision}/`) && view.stages[name]?.status === 'failed')
    if (ended === undefined || (view.status !== 'failed' && view.status !== 'refused')) return false
    Object.assign(view, { status: 'processing', error: null, redrives: view.redrives + 1 })
    this.#schedule(ended)
    return true
  }

  /** The same for what was refused, and never by these rules. */
  redriveUnder(rules: string): boolean {
    const refusedBefore = Object.entries(this.view.stages).some(
      ([name, row]) => name.startsWith(`${this.view.revision}/`) && row.status === 'failed' && row.under.includes(rules),
    )
    return this.view.status === 'refused' && !refusedBefore && this.redrive()
  }

  sweep(): void {
    const { view } = this
    for (const [name, row] of Object.entries(view.stages)) {
      const due = row.status === 'pending' || row.status === 'running'
      const current = name.startsWith(`${view.revision}/`) && (!view.erased || name.endsWith('/erase'))
      if (due && current && !view.outbox.includes(name)) this.#put(name)
    }
  }

  /** So much time passes that no start before it can be at work, if its process lives. */
  settle(): void {
    for (const name of Object.keys(this.view.stages)) this.#settled.add(name)
  }

  #complete(start: ModelStart): void {
    const { view } = this
    const { revision, stage } = start
    const name = `${revision}/${stage}`
    view.events = [...view.events, `${name} completed ok`].sort()
    if (stage === 'extract') this.#hold(`${revision} pages`)
    if (stage === 'enrich') {
      view.typed = true
      this.#hold(`${revision} fields`)
    }
    if (stage === 'index') {
      view.live_revision = revision
      this.#hold(`${revision} chunks`)
    }
    if (stage === 'done') {
      view.content = view.content.filter((held) => Number.parseInt(held, 10) >= revision)
      view.status = 'completed'
    }
    if (stage === 'erase') view.content = []
    if (start.unsettled) this.#postpone(start, null, false)
    else Object.assign(this.#row(start), { status: 'completed', error: null })
    this.#close(start)
    const { next } = JOBS[stage]
    if (next) this.#schedule(`${revision}/${next}`)
  }

  #repeat(start: ModelStart, code: string): void {
    if (start.starts < JOBS[start.stage].attempts) this.#postpone(start, code, true)
    else this.#fail(start, code, 'failed')
  }

  #postpone(start: ModelStart, code: string | null, countStart: boolean): void {
    const row = this.#row(start)
    if (!start.abandoned) this.#close(start)
    Object.assign(row, { status: 'pending', error: code, starts: row.starts - (countStart ? 0 : 1) })
    this.#put(`${start.revision}/${start.stage}`)
  }

  #fail(start: ModelStart, code: string, outcome: 'failed' | 'refused'): void {
    const { view } = this
    const row = this.#row(start)
    if (!start.abandoned) this.#close(start)
    const under = outcome === 'refused' ? [...row.under.filter((rules) => rules !== start.rules), start.rules] : row.under
    Object.assign(row, { status: 'failed', error: code, under })
    view.events = [...view.events, `${start.revision}/${start.stage} ${outcome === 'refused' ? 'refused' : 'completed'} failed`].sort()
    if (start.stage !== 'erase') Object.assign(view, { status: outcome, error: code })
  }

  #schedule(name: string): void {
    const { epoch = 0, under = [], open = [] } = this.view.stages[name] ?? {}
    this.view.stages[name] = { status: 'pending', epoch, starts: 0, error: null, under, open }
    this.#put(name)
  }

  #put(name: string): void {
    this.view.outbox = [...this.view.outbox, name].sort()
  }

  #hold(what: string): void {
    this.view.content = [...new Set([...this.view.content, what])].sort()
  }

  /** Its work has returned. */
  #close(start: ModelStart): void {
    const row = this.#row(start)
    if (!start.unanswered) row.open = row.open.filter((epoch) => epoch !== start.epoch)
  }

  #row({ revision, stage }: ModelStart): Row {
    const row = this.view.stages[`${revision}/${stage}`]
    if (!row) throw new Error(`no stage ${revision}/${stage}`)
    return row
  }

  /** The fence. */
  #current(start: ModelStart): boolean {
    const row = this.#row(start)
    const live = start.stage === 'erase' || (!this.view.erased && this.view.revision === start.revision)
    return live && row.epoch === start.epoch && row.status === 'running'
  }

  #unsettled(): boolean {
    return Object.entries(this.view.stages).some(
      ([name, row]) => !name.endsWith('/erase') && !this.#settled.has(name) && row.open.length > 0,
    )
  }
}
