import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCli } from '../services/cli/run-cli.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'

let greffier: Greffier
beforeAll(async () => {
  greffier = await startGreffier()
})
afterAll(() => greffier.close())

test('what an upload does not say is the default of its organisation, and nobody else’s', async () => {
  const chosen = { sensitivity: 'confidential', data_classes: ['special'] }
  await put(chosen)
  const other = await greffier.addTenant()
  const said = await greffier.upload('Said by the upload.', { file_name: 'said.txt', sensitivity: 'public', data_classes: 'none' })
  const silent = await greffier.upload('Not said by the upload.', { file_name: 'silent.txt' })
  const form = new FormData()
  form.set('file', new Blob(['Not said by a form.']), 'form.txt')
  const formed = await greffier.upload(form)
  const elsewhere = await fetch(`${greffier.url}/v1/documents?file_name=other.txt`, {
    method: 'POST',
    body: 'Not said by the upload of another organisation.',
    headers: { authorization: `Bearer ${other.apiKey}` },
  }).then((response) => response.json() as Promise<{ document_id: string }>)

  expect(await declared(said.document_id)).toEqual({ sensitivity: 'public', data_classes: ['none'] })
  expect(await declared(silent.document_id)).toEqual(chosen)
  expect(await declared(formed.document_id)).toEqual(chosen)
  expect(await declared(elsewhere.document_id)).toEqual({ sensitivity: 'internal', data_classes: ['personal'] })
  expect(await greffier.json('/v1/defaults')).toEqual(chosen)
})

test('the command line shows the defaults, and changes the one that it is given', async () => {
  await put({ sensitivity: 'internal', data_classes: ['personal'] })
  const defaults = async (...options: string[]) => {
    const { stdout, code } = await runCli(['defaults', '--json', ...options], {
      env: { GREFFIER_URL: greffier.url, GREFFIER_API_KEY: greffier.apiKey },
    })
    expect(code).toBe(0)
    return JSON.parse(stdout)
  }
  expect(await defaults('--data-classes', 'special,criminal')).toEqual({ sensitivity: 'internal', data_classes: ['special', 'criminal'] })
  expect(await defaults()).toEqual({ sensitivity: 'internal', data_classes: ['special', 'criminal'] })
})

test.each([{ sensitivity: 'secret' }, { data_classes: [] }, { data_classes: ['none'], more: 1 }])('%j is no default', async (wrong) => {
  expect((await send(wrong)).status).toBe(400)
})

async function put(defaults: object): Promise<void> {
  expect((await send(defaults)).status).toBe(200)
}

function send(defaults: object): Promise<Response> {
  return greffier.fetch('/v1/defaults', {
    method: 'PUT',
    body: JSON.stringify(defaults),
    headers: { 'content-type': 'application/json' },
  })
}

/** As the document was taken in: what is found in it later may raise it. */
async function declared(documentId: string) {
  const [collected] = await greffier.rows<{ sensitivity: string; data_classes: string[] }>(
    'SELECT sensitivity, data_classes FROM documents WHERE id = $1',
    [documentId],
  )
  return collected
}
