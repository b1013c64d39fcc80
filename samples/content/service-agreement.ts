import { clause, heading, pairs, paragraph, table } from '../blocks.ts'
import { createPaper, type Paper } from '../paper.ts'

type Section = readonly [title: string, clauses: readonly string[]]

const BEFORE_LEVELS: readonly Section[] = [
  [
    'Definitions',
    [
      '“Charges” means the sums set out in Schedule 1. “Service” means the hosted warehouse planning system known as Copperfern Yard, with its interfaces, documentation and support.',
      '“Customer Data” means everything that the Customer or its users put into the Service, including Personal Data. “Personal Data”, “Controller”, “Processor” and “Personal Data Breach” have the meanings given by Regulation (EU) 2016/679 (the “GDPR”).',
      '“Working Hours” means 08:00 to 18:00 Irish time on any day that is not a Saturday, a Sunday or a public holiday in Ireland.',
    ],
  ],
  [
    'The Service',
    [
      'The Supplier shall provide the Service to the Customer from the Commencement Date, for up to 180 named users at the Customer’s sites in Rotterdam, Antwerp and Duisburg.',
      'The Supplier may improve the Service at any time, provided that no function on which the Customer reasonably relies is removed without six months’ notice.',
      'The Customer shall keep its access credentials secret, use the Service lawfully and not permit its use by any person who is not a named user.',
    ],
  ],
]

const AFTER_LEVELS: readonly Section[] = [
  [
    'Charges and payment',
    [
      'The Customer shall pay the Charges quarterly in advance, within 30 days of receiving a valid invoice. All sums are in euro and exclude value added tax.',
      'The Supplier may raise the Charges once in each year, on 1 April, by no more than the rise in the Irish Consumer Price Index over the preceding twelve months, and only on 60 days’ written notice.',
      'Interest on late payments runs at the rate fixed by the European Communities (Late Payment in Commercial Transactions) Regulations 2012. A sum that is disputed in good faith may be withheld until the dispute is settled.',
    ],
  ],
  [
    'Term and termination',
    [
      'This Agreement starts on 1 April 2026 (the “Commencement Date”) and has an initial term of 36 months. After that it renews for periods of 12 months each, unless terminated under this clause.',
      'Either party may end this Agreement at the end of the initial term or of any renewal period, with a notice period of 90 days, given in writing.',
      'Either party may terminate at once if the other commits a material breach and does not remedy it within 30 days of a written request to do so, or becomes insolvent.',
      'On termination the Supplier shall, for 45 days, let the Customer export all Customer Data in a documented, machine-readable format at no charge.',
    ],
  ],
  [
    'Confidentiality',
    [
      'Each party shall keep the other’s confidential information secret, use it only for this Agreement, and disclose it only to staff and advisers who need it and are bound to secrecy. This duty lasts for five years after the Agreement ends; for trade secrets it lasts as long as they remain secret.',
      'Information that is public through no fault of the recipient, or that a court or authority lawfully requires, is excepted; where the law allows, the other party is told beforehand.',
    ],
  ],
  [
    'Intellectual property',
    [
      'The Supplier keeps all rights in the Service. The Customer keeps all rights in the Customer Data and grants the Supplier a licence to process it for the sole purpose of providing the Service.',
      'The Supplier shall not use Customer Data to train any statistical or machine-learning model, whether for itself or for others.',
    ],
  ],
  [
    'Data protection',
    [
      'In relation to Personal Data in the Customer Data, the Customer is the Controller and the Supplier is the Processor. Schedule 2 describes the processing. The Supplier shall process Personal Data only on the Customer’s documented instructions.',
      'Personal Data shall be stored and processed only in the European Economic Area. Any transfer to a third country requires the Customer’s prior written consent and a transfer mechanism under Chapter V of the GDPR.',
      'The Supplier shall notify the Customer of any Personal Data Breach without undue delay, and in any event within 36 hours of becoming aware of it, with the particulars listed in Article 33(3) of the GDPR so far as they are known.',
      'The Supplier shall give 30 days’ notice before engaging a new sub-processor. The Customer may object on reasonable grounds; if the parties find no solution, the Customer may terminate the affected part of the Service without penalty.',
      'Within 60 days of the end of this Agreement the Supplier shall delete all Personal Data, including backups, and confirm the deletion in writing, unless the law of the Union or of a Member State requires storage.',
      'The Customer may audit compliance with this clause once a year on 20 days’ notice, itself or through an independent auditor bound to secrecy.',
    ],
  ],
  [
    'Warranties',
    [
      'The Supplier warrants that the Service will perform substantially as documented and will be provided with reasonable skill and care. The Customer’s first remedy is repair or re-performance at no cost.',
      'Save as stated in this Agreement, all other warranties are excluded to the extent that the law permits.',
    ],
  ],
  [
    'Liability',
    [
      'Nothing in this Agreement limits liability for death or personal injury caused by negligence, for fraud, or for anything else for which liability cannot lawfully be limited.',
      'Subject to clause 10.1, the total liability of either party in any contract year is capped at the greater of EUR 250,000 and 150 per cent of the Charges paid in the preceding twelve months.',
      'For breaches of clause 8 (Data protection) the cap in clause 10.2 is raised to EUR 1,000,000 in any contract year.',
      'Neither party is liable for loss of profit or for indirect loss. The Customer’s duty to pay the Charges is not limited by this clause.',
    ],
  ],
  [
    'Governing law and disputes',
    [
      'This Agreement is governed by the law of Ireland, and the courts of Ireland have exclusive jurisdiction over any dispute arising from it.',
      'Before going to court the parties shall try for 30 days to settle the dispute between a director of each; either may still seek urgent relief.',
    ],
  ],
  [
    'General',
    [
      'Neither party is liable for a delay caused by an event beyond its reasonable control, as long as it tells the other promptly and limits the effects. If the event lasts more than 60 days, either party may terminate.',
      'Neither party may assign this Agreement without the other’s written consent, which shall not be unreasonably withheld. Changes are valid only in writing and signed by both parties.',
      'Notices shall be sent by registered post to the addresses above, with a copy to legal@copperfern.example for the Supplier and to contracts@tidewell.example for the Customer.',
    ],
  ],
]

/** An English contract under Irish law: parties, service levels, term, data protection, liability cap, schedules, signatures. */
export function renderServiceAgreement(): Promise<Uint8Array> {
  const paper = createPaper({
    title: 'Service Agreement CF-2026-014',
    author: 'Copperfern Systems Limited',
    language: 'en-IE',
    madeAt: new Date('2026-03-02T10:00:00Z'),
    family: 'serif',
    sizePt: 10.5,
    accent: '#2b3a67',
    runningHead: 'Service Agreement CF-2026-014 · Copperfern Systems Limited and Tidewell Logistics B.V.',
    foot: [['Confidential. Executed in two originals, one for each party.']],
    pageLabel: (number, count) => `Page ${number} of ${count}`,
  })
  opening(paper)
  sections(paper, BEFORE_LEVELS, 1)
  serviceLevels(paper)
  sections(paper, AFTER_LEVELS, 4)
  schedules(paper)
  signatures(paper)
  return paper.finish()
}

function opening(paper: Paper): void {
  paper.put('Service Agreement', paper.left, 70, { weight: 'bold', sizePt: 26, color: paper.accent })
  paper.rule(106, paper.accent)
  paper.y = 118
  pairs(
    paper,
    [
      ['Agreement number:', 'CF-2026-014'],
      ['Date of agreement:', '2 March 2026'],
      ['Supplier:', 'Copperfern Systems Limited, 8 Lanternmaker’s Lane, Cork, Ireland'],
      ['Supplier VAT number:', 'IE9901240V'],
      ['Customer:', 'Tidewell Logistics B.V., Meeuwenkade 212, 3011 Rotterdam, the Netherlands'],
      ['Customer VAT number:', 'NL009904177B01'],
    ],
    paper.left,
    118,
  )
  paper.y += 8
  paragraph(
    paper,
    'This Agreement is made between Copperfern Systems Limited, a company registered in Ireland under number 990124 (the “Supplier”), ' +
      'and Tidewell Logistics B.V., a company registered in the Netherlands under number 99041770 (the “Customer”). ' +
      'The Supplier provides a hosted planning system for warehouses and yards; the Customer wishes to use it. The parties agree as follows.',
  )
}

function sections(paper: Paper, list: readonly Section[], from: number): void {
  for (const [index, [title, clauses]] of list.entries()) {
    heading(paper, `${from + index}. ${title}`)
    for (const [position, text] of clauses.entries()) clause(paper, `${from + index}.${position + 1}`, text)
  }
}

function serviceLevels(paper: Paper): void {
  heading(paper, '3. Service levels')
  clause(
    paper,
    '3.1',
    'The Supplier shall keep the Service available for 99.7 per cent of each calendar month, excluding maintenance announced five days ahead.',
  )
  clause(paper, '3.2', 'The Supplier shall respond to and resolve incidents within the times below, counted from the Customer’s report:')
  paper.y += 6
  table(
    paper,
    [
      { title: 'Severity', width: 64 },
      { title: 'Meaning', width: 226 },
      { title: 'Response time', width: 90 },
      { title: 'Resolution target', width: 91.28 },
    ],
    [
      ['Severity 1', 'The Service is unavailable, or data is being lost', '30 minutes, 24/7', '4 hours'],
      ['Severity 2', 'An important function fails and there is no workaround', '2 Working Hours', '1 working day'],
      ['Severity 3', 'A function is impaired but a workaround exists', '1 working day', '10 working days'],
      ['Severity 4', 'A question, a cosmetic fault or a request for change', '3 working days', 'Next release'],
    ],
    { sizePt: 9.5 },
  )
  clause(
    paper,
    '3.3',
    'For each full 0.1 per cent by which availability falls short in a month, the Customer receives a service credit of 2 per cent of that month’s Charges, up to 20 per cent. If availability falls below 98 per cent in two consecutive months, the Customer may terminate on 14 days’ notice.',
  )
}

function schedules(paper: Paper): void {
  heading(paper, 'Schedule 1: Charges', { sizePt: 13 })
  paper.y += 4
  table(
    paper,
    [
      { title: 'Item', width: 251 },
      { title: 'Basis', width: 120 },
      { title: 'Charge in EUR', width: 100.28, align: 'right' },
    ],
    [
      ['Copperfern Yard, up to 180 named users', 'per month', '6,480.00'],
      ['Additional named user', 'per user and month', '39.00'],
      ['Interface to the Customer’s transport management system', 'per month', '410.00'],
      ['Implementation and training, sites Rotterdam and Antwerp', 'once', '18,500.00'],
      ['Implementation and training, site Duisburg', 'once', '7,900.00'],
      ['Consulting beyond the agreed scope', 'per day', '1,120.00'],
    ],
    { sizePt: 9.5 },
  )
  heading(paper, 'Schedule 2: Processing of personal data', { sizePt: 13 })
  pairs(
    paper,
    [
      ['Subject matter:', 'Planning of warehouse and yard work for the Customer’s staff and carriers'],
      ['Duration:', 'The term of the Agreement and the 60 days of clause 8.5'],
      ['Data subjects:', 'Warehouse staff, planners and drivers of carriers'],
      ['Categories of data:', 'Name, staff number, shift, vehicle registration, time stamps of gate passages'],
      ['Special categories:', 'None'],
      ['Sub-processors:', 'Lichtermeer Rechenzentren eG, Germany (hosting); Postduif Mailing B.V., the Netherlands (e-mail)'],
      ['Security measures:', 'Encryption in transit and at rest, access by role with two factors, daily backups, yearly test'],
    ],
    paper.left,
    104,
    { sizePt: 9.5 },
  )
}

function signatures(paper: Paper): void {
  paper.need(130)
  heading(paper, 'Signatures', { sizePt: 13 })
  paper.y += 34
  const half = paper.width / 2
  paper.rule(paper.y - 4, '#555555', paper.left, paper.left + half - 24)
  paper.rule(paper.y - 4, '#555555', paper.left + half, paper.left + paper.width)
  const left = ['For Copperfern Systems Limited', 'Orlaith Pemberwick, Managing Director', 'Cork, 2 March 2026']
  const right = ['For Tidewell Logistics B.V.', 'Joost van der Meeuwe, Director of Operations', 'Rotterdam, 2 March 2026']
  for (const [x, lines] of [
    [paper.left, left],
    [paper.left + half, right],
  ] as const)
    for (const [index, line] of lines.entries()) paper.put(line, x, paper.y + 4 + index * 14, index === 0 ? { weight: 'bold' } : {})
  paper.y += 50
}
