import { z } from 'zod'
import type { DocumentType } from './extraction.ts'

/**
 * What a value is, beyond its JSON type: JSON Schema's `format`, in the schemas that ship and in an organisation's own alike. Values are text: dates
 * ISO 8601 (YYYY-MM-DD), amounts and quantities decimals with a dot ("1234.50"), currencies ISO 4217, IBANs and VAT ids without spaces.
 */
export const FieldFormat = z.enum(['date', 'amount', 'quantity', 'currency', 'iban', 'vat-id', 'national-id', 'email', 'phone'])
export type FieldFormat = z.infer<typeof FieldFormat>

const text = (description: string) => z.string().describe(description).optional()
const as = (format: FieldFormat, description: string) => z.string().meta({ format, description }).optional()
const list = <Item extends z.ZodObject>(item: Item, description: string) => z.array(item).describe(description).optional()

/** What every type has: the same thing under the same name in every document. */
const GENERAL = {
  title: text('title, subject or heading'),
  document_date: as('date', 'date of the document'),
  party_1: text('first party: who wrote, sent or issued it'),
  party_2: text('second party: to whom it is addressed, or with whom it was made'),
  reference: text('reference, file or contract number'),
  email: as('email', 'e-mail address of the first party'),
  phone: as('phone', 'telephone number of the first party'),
  iban: as('iban', 'bank account'),
  vat_id: as('vat-id', 'VAT id of the first party'),
  amount: as('amount', 'the amount that matters most'),
  deadline: text('a deadline as YYYY-MM-DD, or a notice period as an ISO 8601 duration such as P3M'),
}

const INVOICE = {
  invoice_number: text('number of the invoice'),
  issue_date: as('date', 'date of issue'),
  due_date: as('date', 'until when it must be paid'),
  seller_name: text('who issued it'),
  seller_vat_id: as('vat-id', 'VAT id of the seller'),
  buyer_name: text('who has to pay'),
  buyer_vat_id: as('vat-id', 'VAT id of the buyer'),
  iban: as('iban', 'account to be paid to'),
  currency: as('currency', 'currency of the totals'),
  total_net: as('amount', 'sum without tax'),
  total_tax: as('amount', 'tax'),
  total_gross: as('amount', 'sum with tax, to be paid'),
  lines: list(
    z.strictObject({
      description: text('what was sold'),
      quantity: as('quantity', 'how many'),
      unit_price: as('amount', 'price of one, without tax'),
      total_net: as('amount', 'price of the line, without tax'),
    }),
    'the lines of the invoice, in order',
  ),
}

/** The schema of each type; the type `other` and those without fields of their own have the general fields. */
export const DOCUMENT_SCHEMAS = {
  invoice: z.strictObject(INVOICE),
  credit_note: z.strictObject({ ...INVOICE, invoice_reference: text('number of the invoice that it corrects') }),
  contract: z.strictObject({
    ...GENERAL,
    start_date: as('date', 'from when it holds'),
    end_date: as('date', 'until when it holds'),
    notice_period: text('notice period, as it is printed'),
    governing_law: text('the law that governs it'),
  }),
  letter: z.strictObject(GENERAL),
  payslip: z.strictObject({
    ...GENERAL,
    employee_name: text('whom it pays'),
    employer_name: text('who pays'),
    national_id: as('national-id', 'social security or tax number of the employee'),
    period_start: as('date', 'first day of the period'),
    period_end: as('date', 'last day of the period'),
    currency: as('currency', 'currency of the amounts'),
    gross_pay: as('amount', 'pay before deductions'),
    deductions: as('amount', 'sum of the deductions'),
    net_pay: as('amount', 'what is paid out'),
    items: list(z.strictObject({ description: text('what'), amount: as('amount', 'how much') }), 'earnings and deductions, in order'),
  }),
  cv: z.strictObject({
    ...GENERAL,
    person_name: text('whose it is'),
    birth_date: as('date', 'date of birth'),
    nationality: text('nationality'),
    positions: list(
      z.strictObject({
        employer: text('where'),
        role: text('as what'),
        from: text('since when, as it is printed'),
        to: text('until when, as it is printed'),
      }),
      'positions held, in order',
    ),
    education: list(
      z.strictObject({ institution: text('where'), degree: text('with which degree'), year: text('when') }),
      'schools and degrees, in order',
    ),
    languages: z.array(z.string()).describe('languages spoken').optional(),
  }),
  identity_document: z.strictObject({
    ...GENERAL,
    surname: text('surname'),
    given_names: text('given names'),
    document_number: text('number of the document'),
    national_id: as('national-id', 'personal number of the holder'),
    nationality: text('nationality'),
    birth_date: as('date', 'date of birth'),
    issue_date: as('date', 'date of issue'),
    expiry_date: as('date', 'until when it is valid'),
    issuing_authority: text('who issued it'),
  }),
  medical_report: z.strictObject({
    ...GENERAL,
    patient_name: text('whom it is about'),
    birth_date: as('date', 'date of birth of the patient'),
    national_id: as('national-id', 'social security number of the patient'),
    physician: text('who wrote it'),
    institution: text('hospital or practice'),
    diagnoses: z.array(z.string()).describe('diagnoses, in order').optional(),
    medications: list(z.strictObject({ name: text('what'), dosage: text('how much and how often') }), 'medication, in order'),
  }),
  bank_statement: z.strictObject({
    ...GENERAL,
    bank_name: text('the bank'),
    account_holder: text('whose account'),
    currency: as('currency', 'currency of the amounts'),
    period_start: as('date', 'first day of the statement'),
    period_end: as('date', 'last day of the statement'),
    opening_balance: as('amount', 'balance before'),
    closing_balance: as('amount', 'balance after'),
    transactions: list(
      z.strictObject({
        date: as('date', 'day of booking'),
        description: text('purpose and other party'),
        amount: as('amount', 'with a minus where money went out'),
      }),
      'bookings, in order',
    ),
  }),
  minutes: z.strictObject({
    ...GENERAL,
    body: text('which body or company met'),
    place: text('where'),
    chair: text('who chaired'),
    attendees: z.array(z.string()).describe('who attended').optional(),
    decisions: list(
      z.strictObject({ text: text('what was decided'), responsible: text('who does it'), due_date: as('date', 'until when') }),
      'decisions, in order',
    ),
  }),
  policy: z.strictObject(GENERAL),
  manual: z.strictObject(GENERAL),
  other: z.strictObject(GENERAL),
} as const satisfies Record<DocumentType, z.ZodObject>

type Documents = { [Type in DocumentType]: z.infer<(typeof DOCUMENT_SCHEMAS)[Type]> }

/** The leaves of a value: `total_net`, and `lines.*.total_net` for those of a list's items. */
type PathIn<Value> = {
  [Key in keyof Value & string]: NonNullable<Value[Key]> extends readonly (infer Item)[]
    ? Item extends object
      ? `${Key}.*.${PathIn<Item>}`
      : `${Key}.*`
    : Key
}[keyof Value & string]

/** What a document of a type has, so that a name that its schema does not have fails to compile. */
export type DocumentPath<Type extends DocumentType> = PathIn<Documents[Type]>
