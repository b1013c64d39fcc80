/** A server that restarts with a model of some gigabytes takes longer, and is then found away again by one request. */
const PASSED_OVER_MS = 15_000

/** What a failed call says of the replica that it went to. */
export interface Verdict {
  /** It is away or broken: the others are asked first for a while. */
  passOver: boolean
  /** Nothing was answered, and there is time: another one may be asked. */
  goOn: boolean
}

export interface Replicas<Replica> {
  /** Each replica at most once, until one answers. Throws what the last one threw. */
  run<T>(call: (replica: Replica) => Promise<T>, judge: (error: unknown) => Verdict): Promise<T>
}

interface State<Replica> {
  replica: Replica
  inFlight: number
  passedOverUntilMs: number
}

/**
 * Servers that do the same work: the next call goes to the one with the fewest of this process's calls in flight, in turn where several have as few. One
 * that failed is asked last until `PASSED_OVER_MS` are over, or until it answers.
 */
export function createReplicas<Replica>(replicas: readonly Replica[], nowMs: () => number = () => performance.now()): Replicas<Replica> {
  const states = replicas.map((replica): State<Replica> => ({ replica, inFlight: 0, passedOverUntilMs: 0 }))
  let turn = 0

  const next = (tried: ReadonlySet<State<Replica>>) => {
    const inTurn = [...states.slice(turn), ...states.slice(0, turn)]
    turn = (turn + 1) % states.length
    const now = nowMs()
    const awayMs = ({ passedOverUntilMs }: State<Replica>) => Math.max(0, passedOverUntilMs - now)
    return inTurn.filter((state) => !tried.has(state)).toSorted((a, b) => awayMs(a) - awayMs(b) || a.inFlight - b.inFlight)[0]
  }

  return {
    run: async (call, judge) => {
      const tried = new Set<State<Replica>>()
      let failure: unknown
      for (let state = next(tried); state; state = next(tried)) {
        tried.add(state)
        state.inFlight += 1
        try {
          const result = await call(state.replica)
          state.passedOverUntilMs = 0
          return result
        } catch (error) {
          const { passOver, goOn } = judge(error)
          if (passOver) state.passedOverUntilMs = nowMs() + PASSED_OVER_MS
          if (!goOn) throw error
          failure = error
        } finally {
          state.inFlight -= 1
        }
      }
      throw failure
    },
  }
}
