const open: (() => Promise<void>)[] = []

/** Runs at the end of the run in reverse order, however it ends, unless `done` was called before. The function must be safe to call twice. */
export function atEnd(close: () => Promise<void>): { done(): void } {
  open.push(close)
  return {
    done: () => {
      const index = open.indexOf(close)
      if (index >= 0) open.splice(index, 1)
    },
  }
}

/** Every step runs, whatever the others do. Throws the first failure. */
export async function closeAll(): Promise<void> {
  const failures: unknown[] = []
  for (let close = open.pop(); close; close = open.pop()) {
    try {
      await close()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}
