/** Stages of one process that hold texts at once, bounded by their characters: many small documents, or few large ones. */
export interface TextRoom {
  /**
   * Resolves in the order of asking, when there is room for so many UTF-16 code units; what comes back leaves again, and may be called twice. A text
   * larger than the room is let in alone. Rejects with the signal's reason when there is no room.
   */
  enter(characters: number, signal: AbortSignal): Promise<() => void>
}

interface Waiting {
  characters: number
  admit: () => void
}

export function createTextRoom(charactersMax: number): TextRoom {
  const queue: Waiting[] = []
  let held = 0

  const admitNext = () => {
    for (let next = queue[0]; next && (held === 0 || held + next.characters <= charactersMax); next = queue[0]) {
      queue.shift()
      held += next.characters
      next.admit()
    }
  }
  return {
    enter: (characters, signal) =>
      new Promise((resolve, reject) => {
        const giveUp = () => {
          queue.splice(queue.indexOf(waiting), 1)
          reject(signal.reason)
          admitNext()
        }
        const waiting: Waiting = {
          characters,
          admit: () => {
            signal.removeEventListener('abort', giveUp)
            let isIn = true
            resolve(() => {
              if (!isIn) return
              isIn = false
              held -= characters
              admitNext()
            })
          },
        }
        queue.push(waiting)
        admitNext()
        // Who is in by now has no need of a signal; what it does next has.
        if (!queue.includes(waiting)) return
        if (signal.aborted) giveUp()
        else signal.addEventListener('abort', giveUp, { once: true })
      }),
  }
}
