import { expect } from 'vitest'
import type { UploadAccepted } from '../../shared/contracts/document.ts'
import type { ServiceProcess, ServiceProcesses } from '../support/service-processes.ts'
import { letter } from './texts.ts'

/** A request with the first tenant's key. */
export function send(
  { apiKey }: ServiceProcesses,
  { url }: ServiceProcess,
  method: string,
  path: string,
  body?: string,
): Promise<Response> {
  return fetch(`${url}${path}`, { method, headers: { authorization: `Bearer ${apiKey}` }, ...(body === undefined ? {} : { body }) })
}

/** The id of a document that was taken in. */
export async function upload(services: ServiceProcesses, ingest: ServiceProcess, text = letter()): Promise<string> {
  const response = await send(services, ingest, 'POST', '/v1/documents?file_name=a.txt', text)
  expect(response.status).toBe(202)
  return ((await response.json()) as UploadAccepted).document_id
}
