const EVENT_CHARACTERS_MAX = 1024 * 1024

interface ServerSentEvent {
  event: string
  data: string
}

/** Parses a text/event-stream (WHATWG HTML, section 9.2.6): fields other than `event` and `data`, and comments, are passed over. */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder()
  let rest = ''
  let event = ''
  let data: string[] = []
  for await (const chunk of body) {
    // A \r at the very end may be half of \r\n: it waits for the next chunk.
    const text = rest + decoder.decode(chunk, { stream: true })
    const lines = text.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    if (rest.length + data.join('').length > EVENT_CHARACTERS_MAX) throw new Error('an event is longer than any that the server sends')
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield { event: event || 'message', data: data.join('\n') }
        event = ''
        data = []
      } else if (line.startsWith('data:')) data.push(fieldValue(line))
      else if (line.startsWith('event:')) event = fieldValue(line)
    }
  }
}

function fieldValue(line: string): string {
  return line.slice(line.indexOf(':') + 1).replace(/^ /, '')
}
