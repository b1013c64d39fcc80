import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { DataClass, Purpose, Sensitivity, UploadOptions } from '../shared/contracts/document.ts'
import { DocumentType } from '../shared/contracts/extraction.ts'

const Manifest = z.array(
  z.strictObject({
    file: z.string().min(1),
    sensitivity: Sensitivity,
    data_classes: z.array(DataClass).min(1),
    purpose: Purpose,
    expect_type: DocumentType,
  }),
)

const Language = z.string().length(2)

/** `document` is the file that answers and `expect` stands in the quote; both are null where the documents hold no answer. */
export const SampleQuestion = z.union([
  z.strictObject({ question: z.string().min(1), language: Language, document: z.string().min(1), expect: z.string().min(1) }),
  z.strictObject({ question: z.string().min(1), language: Language, document: z.null(), expect: z.null() }),
])
export type SampleQuestion = z.infer<typeof SampleQuestion>

export interface SampleDocument {
  /** Absolute. */
  path: string
  file: string
  options: UploadOptions
  expectType: DocumentType
}

/** The sample documents with the options to upload them with, and the questions to ask about them. Throws ZodError where a file of ours is wrong. */
export async function readSamples(): Promise<{ documents: SampleDocument[]; questions: SampleQuestion[] }> {
  const manifest = Manifest.parse(await readJson('manifest.json'))
  const documents = manifest.map(({ file, expect_type, ...options }) => ({
    path: fileURLToPath(new URL(`documents/${file}`, import.meta.url)),
    file,
    options: UploadOptions.parse({ ...options, file_name: file }),
    expectType: expect_type,
  }))
  return { documents, questions: z.array(SampleQuestion).parse(await readJson('questions.json')) }
}

/** What stands in some of the documents, by hand: for each, fields under the names of the schema that ships for its type. */
export async function readExpected(): Promise<{ path: string; file: string; fields: Record<string, string> }[]> {
  const expected = z.record(z.string(), z.record(z.string(), z.string())).parse(await readJson('expected.json'))
  return Object.entries(expected).map(([file, fields]) => ({
    path: fileURLToPath(new URL(`documents/${file}`, import.meta.url)),
    file,
    fields,
  }))
}

async function readJson(name: string): Promise<unknown> {
  return JSON.parse(await readFile(new URL(name, import.meta.url), 'utf8'))
}
