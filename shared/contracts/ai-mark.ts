import { z } from 'zod'

/**
 * The IPTC's digital source type for what a trained model generated, from the same vocabulary as C2PA and schema.org name it: the machine-readable mark
 * of AI Act Art. 50(2).
 */
export const TRAINED_ALGORITHMIC_MEDIA = 'http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia'

const Mark = z
  .literal(TRAINED_ALGORITHMIC_MEDIA)
  .nullable()
  .describe('IPTC digital source type of what a language model generated (AI Act Art. 50(2)); null: no language model generated it')

/** What produced a value. `model` is what was asked for, `model_version` what the provider said it ran; null: it did not say. */
export const Producer = z.strictObject({
  processor: z.string().describe('Key of the register of processors'),
  model: z.string().describe('As it was asked for'),
  model_version: z.string().nullable().describe('As the provider named it in its answer'),
  mark: Mark,
})
export type Producer = z.infer<typeof Producer>

/** What is kept of a revision: what told its type and language, and what read its fields. */
export const Producers = z.strictObject({ classified_by: Producer, extracted_by: Producer })
export type Producers = z.infer<typeof Producers>

const Notice = z.string().describe('Says the same to a person, in the language of the text where Greffier has it, else in English')

/**
 * Of one text. `generated` is false where rules put it together from quotes, and where there is none. What a citation quotes was copied from the
 * document, and is never generated. Processor and model are null where nobody was asked.
 */
export const AiMark = z.strictObject({
  generated: z.boolean().describe('Whether a language model wrote the text'),
  mark: Mark,
  notice: Notice,
  processor: z.string().nullable(),
  model: z.string().nullable().describe('As it was asked for'),
  model_version: z.string().nullable().describe('As the provider named it in its answer'),
})
export type AiMark = z.infer<typeof AiMark>

/**
 * Of a document's type, language and fields: the notice once, and on each field what produced it. Quotes in the evidence were copied from the document.
 */
export const DocumentAi = z.strictObject({
  generated: z
    .boolean()
    .describe('Whether a language model generated the type and language or one of the fields, or it is not known that none did'),
  mark: Mark,
  notice: Notice,
  classified_by: Producer.nullable().describe('What told type and language; null: nothing has yet, or it was not kept'),
})
export type DocumentAi = z.infer<typeof DocumentAi>
