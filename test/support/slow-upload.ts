import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { heardLater } from './wait.ts'

export interface SlowAnswer {
  status: number | undefined
  headers: IncomingHttpHeaders
  body: string
}

/** An upload whose body is sent by hand. */
export interface SlowUpload {
  /** Rejects when the connection is lost before it. */
  readonly answer: Promise<SlowAnswer>
  /** The server has asked for the body: 100 Continue, for a request with `expect: 100-continue`. */
  invited(): boolean
  sendHalf(): void
  sendRest(): void
}

/** Sends the head at once. `text` is plain ASCII. */
export function slowUpload(
  { apiKey }: { apiKey: string },
  { url }: { url: string },
  text: string,
  headers: Record<string, string> = {},
): SlowUpload {
  const request = httpRequest(`${url}/v1/documents?file_name=a.txt`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-length': text.length, ...headers },
  })
  let invited = false
  request.on('continue', () => {
    invited = true
  })
  request.flushHeaders()
  const answer = new Promise<SlowAnswer>((resolve, reject) => {
    request.on('error', reject)
    request.on('response', (response) => {
      readText(response).then((body) => resolve({ status: response.statusCode, headers: response.headers, body }), reject)
    })
  })
  return {
    answer: heardLater(answer),
    invited: () => invited,
    sendHalf: () => void request.write(text.slice(0, text.length / 2)),
    sendRest: () => void request.end(text.slice(text.length / 2)),
  }
}
