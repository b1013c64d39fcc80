import { describe, expect, test } from 'vitest'
import { MaskKind } from '../../../shared/contracts/masking.ts'
import { findPersonalData } from '../../../shared/masking/find.ts'
import { readMarked } from './marked.ts'

/** Made up; every checksum holds unless a case says otherwise. */
const FOUND: Record<string, [language: string | null, marked: string][]> = {
  IBANs: [
    ['de', 'Konto {iban:DE89 3704 0044 0532 0130 00} bei der Bank'],
    ['de', 'Konto {iban:DE89370400440532013000}.'],
    ['fr', 'IBAN: {iban:FR14 2004 1010 0505 0001 3M02 606}, BIC PSSTFRPPPAR'],
    ['en', '({iban:GB29 NWBK 6016 1331 9268 19})'],
    [null, 'per mail: {iban:nl91abna0417164300}'],
    ['de', 'umgebrochen {iban:DE89 3704 0044\n0532 0130 00} im Satz'],
    ['de', 'ein Ziffernfehler: {iban:DE89 3704 0044 0532 0130 01}'],
    ['de', 'eine Ziffer zu wenig: {iban:DE89 3704 0044 0532 0130 0}'],
    ['de', 'IBAN {iban:DE8937040044053201300}'],
  ],
  'VAT ids': [
    ['de', 'USt-IdNr.: {vat_id:DE136695976}'],
    ['de', 'UID {vat_id:ATU13585627}'],
    ['fr', 'TVA {vat_id:FR 40 303265045}'],
    ['it', 'P. IVA {vat_id:00743110157}'],
    ['pl', 'NIP: {vat_id:123-456-32-18}'],
    ['nl', 'btw-nr. {vat_id:NL004495445B01}'],
    ['es', 'CIF {vat_id:A13585625}'],
    ['de', 'vertippt: {vat_id:DE136695977}'],
  ],
  'national ids': [
    ['de', 'Sozialversicherungsnummer {national_id:65 170839 J 003}'],
    ['de', 'Steuer-ID: {national_id:36 574 261 809}'],
    ['de', 'Personalausweis-Nr. {national_id:L01X00T47}'],
    ['de', 'Steuernummer {national_id:181/815/08155}'],
    ['de', 'AHV-Nr. {national_id:756.9217.0769.85}'],
    ['de', 'unbenannt: {national_id:756.9217.0769.85}'],
    ['fr', 'N° de sécurité sociale : {national_id:2 95 10 99 126 111 93}'],
    ['fr', 'unnamed: {national_id:295109912611193}'],
    ['es', 'con DNI {national_id:54362315-K} y NIE {national_id:X-2482300-W}'],
    ['it', 'C.F. {national_id:RCCMNL83S18D969H}'],
    ['en', 'unnamed {national_id:RCCMNL83S18D969H} in English'],
    ['en', 'National Insurance no. {national_id:HH 20 76 54 C}'],
    ['en', 'PPS number {national_id:6433435F}'],
    ['en', 'SSN {national_id:536-90-4399}'],
    ['nl', 'BSN {national_id:111222333}'],
    ['nl', 'zonder naam {national_id:111222333} erbij'],
    ['nl', 'rijksregisternummer {national_id:85.07.30-033.28}'],
    ['pl', 'PESEL {national_id:44051401359}'],
    ['pl', 'bez nazwy {national_id:44051401359}'],
    ['pt', 'contribuinte {national_id:123456789}'],
    ['sv', 'personnummer {national_id:811228-9874}'],
    ['da', 'CPR-nr. {national_id:211062-5629}'],
    ['no', 'fødselsnummer {national_id:15108695088}'],
    ['fi', 'henkilötunnus {national_id:131052-308T}'],
    ['cs', 'rodné číslo {national_id:710319/2745}'],
    ['ro', 'CNP {national_id:1630615123457}'],
    ['hr', 'OIB: {national_id:33392005961}'],
    ['nl', 'BSN {national_id:111222334} met een typefout'],
    ['fi', 'vertippt: {national_id:131052-308U}'],
  ],
  'telephone numbers': [
    ['de', 'Tel.: {phone:030 23125-123}, Fax {phone:+49 (0)30 23125 124}, mobil {phone:0171/2345678}'],
    ['de', 'Wien {phone:+43 1 234567890}, Zürich {phone:0041 44 668 18 00}'],
    ['fr', 'appeler le {phone:01 23 45 67 89} ou le {phone:06.12.34.56.78}'],
    ['es', 'llamar al {phone:912 345 678}'],
    ['it', 'tel. {phone:06 6982 1234}'],
    ['nl', 'bel {phone:020-624 1111}'],
    ['pl', 'telefon {phone:22 123 45 67}'],
    ['en', 'call {phone:020 7946 0958} or {phone:(020) 7946 0959} or {phone:+1 (212) 555-0147}'],
    [null, 'Tel. {phone:23125}'],
    ['de', 'Eine Ziffer zu viel ist immer noch jemandes Nummer: {phone:+49 30 2312512345678}'],
  ],
  'mail addresses': [
    ['de', '<{email:max.müller@firma-x.de}>, {email:a.b+c@sub.example.co.uk}.'],
    [null, 'mailto:{email:info@example.eu}?subject=x'],
  ],
  cards: [
    ['de', '{card:4111 1111 1111 1111}, {card:5500-0000-0000-0004}, {card:378282246310005}, {card:3782 822463 10005}'],
    ['de', 'vertippt: {card:4111 1111 1111 1112}'],
    ['en', 'Card no. {card:6011000990139424}'],
  ],
  'IP addresses': [
    ['de', 'von {ip:192.168.17.4}:8080, {ip:10.0.0.1}/8 und {ip:2001:db8::1}'],
    ['en', '{ip:203.0.113.9} - - [12/Mar/2026:10:20:30 +0000] "GET /"'],
    ['en', '[{ip:::1}] and {ip:fe80::1ff:fe23:4567:890a}%eth0, {ip:::ffff:192.0.2.1}.'],
  ],
  'dates of birth': [
    ['de', 'Anna, geb. am {birth_date:12.03.1980} in Köln, eingetreten am 01.04.2010'],
    ['de', 'Geburtsdatum Eintritt\nAnna Schmidt {birth_date:12.03.1980} 01.04.2010'],
    ['de', 'Anna Schmidt (* {birth_date:12. März 1980})'],
    ['en', 'born on {birth_date:March 12, 1980}; date of birth: {birth_date:1980-03-12}; DOB {birth_date:3/12/80}'],
    ['fr', 'né(e) le {birth_date:3 avril 1975} ; date de naissance : {birth_date:03/04/1975}'],
    ['es', 'nacida el {birth_date:5 de mayo de 1990}, fecha de nacimiento {birth_date:05-05-1990}'],
    ['it', 'nato a Roma il {birth_date:01/01/1980}, data di nascita {birth_date:1° gennaio 1980}'],
    ['nl', 'geboren {birth_date:12 maart 1980}, geboortedatum {birth_date:12-03-1980}'],
    ['pt', 'nascido a {birth_date:12 de março de 1980}'],
    ['pl', 'ur. {birth_date:14 maja 1944}, data urodzenia: {birth_date:14.05.1944}'],
    ['cs', 'narozena {birth_date:19. března 1971}'],
    ['sv', 'född den {birth_date:28 december 1981}'],
    ['de', '{birth_date:12.03.1980} geboren'],
  ],
  addresses: [
    ['de', '{address:Hauptstraße 5a}, {address:10115 Berlin}'],
    ['de', 'Firma\n{address:Am Hang 3}\n{address:79100 Freiburg im Breisgau}\nDeutschland'],
    ['de', '{address:Berliner Platz 7}, {address:D-80331 München}, {address:Postfach 12 34}'],
    ['de', 'wohnhaft {address:Goethestr. 12-14} in Wien, {address:Mariahilfer Straße 99/12}, {address:1060 Wien}'],
    ['en', '{address:221B Baker Street}, London {address:NW1 6XE}; {address:P.O. Box 1234}'],
    ['fr', 'habite {address:12 bis rue de la Paix}, {address:75002 Paris} depuis 2010'],
    ['es', '{address:Calle Mayor, 12}, {address:28013 Madrid}; {address:Avda. de la Constitución nº 3}'],
    ['it', '{address:Via Giuseppe Garibaldi 10}, {address:00185 Roma}'],
    ['nl', '{address:Keizersgracht 123}, {address:1015 CJ Amsterdam}'],
    ['pt', '{address:Rua Augusta, 25}, {address:1100-048 Lisboa}'],
    ['pl', '{address:ul. Marszałkowska 12/34}, {address:00-590 Warszawa}'],
    ['sv', '{address:Storgatan 12}, {address:114 55 Stockholm}'],
    ['cs', '{address:Vodičkova 12}, {address:110 00 Praha}'],
  ],
}

const LEFT_ALONE: [language: string, text: string][] = [
  ['de', 'Bestellnummer 0301234567, Auftrags-Nr. 4711081523, Kundennummer: 123456789, Zählernummer 44051401359'],
  ['en', 'Order no. 020794609, invoice 2026-110712, PO number 4111111111111111, serial number 020 7946 0958'],
  ['nl', 'Bestelnummer 111222333, factuurnr. 123456782'],
  ['pl', 'zamówienie nr 44051401359'],
  ['de', 'Rechnung vom 12.03.2026 über 1.234.567,89 EUR, fällig am 2026-04-01, Leistung 01.02.2026-28.02.2026'],
  ['fr', 'Total 1 234 567,89 €, TVA 20 %, le 3 avril 2026'],
  ['de', 'Version 1.2.3.4 und Abschnitt 4.2.1.3\n4.2.1.3 Haftung\n§ 1.2.3.4 gilt'],
  ['de', '25000 Einwohner, 12500 Euro, Auf Platz 1, Monitoring 24, Parkplatz 12, Seite 12 von 30, Training 3'],
  ['en', 'See Section 12 Close to the end, via Port 443, between 10:20:30 and 11:00, std::vector<int>'],
  ['de', 'EAN 4006381333931, ISBN 978-3-16-148410-0, HRB 12345 B, Az. 12 O 345/26'],
  ['en', '+15% on 12,500 units, 3.5 x 10-12 m, 2026/2027, 1990-2020, @handle, a@b'],
  ['de', 'Geburtsdatum: unbekannt, Datum: 12.03.2026'],
  ['en', 'The bank was born in London. Signed 12 March 2026.'],
]

function found(text: string, language: string | null): string[] {
  return findPersonalData(text, { kinds: MaskKind.options, language }).map(({ kind, start, end }) => `${kind} ${text.slice(start, end)}`)
}

describe.each(Object.entries(FOUND))('%s', (_, cases) => {
  test.each(cases)('are found in %s: %s', (language, marked) => {
    const { text, expected } = readMarked(marked)
    expect(found(text, language)).toEqual(expected)
  })
})

describe('numbers that are nobody’s', () => {
  test.each(LEFT_ALONE)('stay in %s: %s', (language, text) => {
    expect(found(text, language)).toEqual([])
  })
})

describe('what is asked for', () => {
  test('alone is found, and digits inside something larger are not taken for it', () => {
    const text = 'IBAN DE89 3704 0044 0532 0130 00, Tel. 030 23125123, karl0301234567@example.com'
    expect(findPersonalData(text, { kinds: ['phone'], language: 'de' })).toEqual([{ kind: 'phone', start: 39, end: 51 }])
  })

  test('is found although a kind that is not asked for fits the same digits', () => {
    const text = 'NIF 212345677'
    expect(findPersonalData('912 345 678', { kinds: ['phone'], language: 'pt' })).toHaveLength(1)
    expect(findPersonalData(text, { kinds: ['national_id'], language: 'pt' })).toHaveLength(1)
  })

  test('is read as of the given country before that of the language', () => {
    const text = 'call 01 234 5678 today'
    expect(findPersonalData(text, { kinds: ['phone'], language: 'en', country: 'IE' })).toHaveLength(1)
    expect(findPersonalData('ring us on 044 668 18 00', { kinds: ['phone'], language: null, country: 'CH' })).toHaveLength(1)
  })
})
