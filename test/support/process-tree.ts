import { readdirSync, readFileSync } from 'node:fs'

/** A process that was seen: its id alone may be somebody else's by now. */
export interface SeenProcess {
  pid: number
  /** In clock ticks since the machine started. */
  startedAt: string
}

/** A process and all below it, parents first, as Linux shows them (proc(5)). */
export function processTree(pid: number): SeenProcess[] {
  const stat = readStat(pid)
  return stat ? [{ pid, startedAt: stat.startedAt }, ...childrenOf(pid).flatMap(processTree)] : []
}

/** A zombie counts as ended: in a container there may be nobody to collect it. */
export function stillRuns({ pid, startedAt }: SeenProcess): boolean {
  const stat = readStat(pid)
  return stat !== undefined && stat.startedAt === startedAt && !['Z', 'X'].includes(stat.state)
}

/** Of all threads of a process; none when it has ended. */
export function childrenOf(pid: number): number[] {
  const threads = unlessEnded(() => readdirSync(`/proc/${pid}/task`)) ?? []
  return threads.flatMap((thread) => {
    const children = unlessEnded(() => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')) ?? ''
    return children.split(' ').filter(Boolean).map(Number)
  })
}

/** What a process calls itself; empty when it has ended. */
export function titleOf(pid: number): string {
  return unlessEnded(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? ''
}

/** Behind the name, which may hold anything, the third field is the state and the twenty-second the start. */
function readStat(pid: number): { state: string; startedAt: string } | undefined {
  const text = unlessEnded(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields && { state: fields[0] ?? '', startedAt: fields[19] ?? '' }
}

function unlessEnded<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return undefined
    throw error
  }
}
