/** A German leave policy, in Markdown. */
export const URLAUBSREGELUNG = `# Richtlinie: Urlaub und Abwesenheit

Fliederhof Pflegedienste gGmbH, Personalabteilung
Richtlinie PR-04, Fassung 6, gültig ab 01.01.2026
Verantwortlich: Svantje Kolberg, Leiterin Personal (personal@fliederhof.example)

## 1. Geltungsbereich

Die Richtlinie gilt für alle Beschäftigten der Häuser A bis C und der Tagespflege, auch in Teilzeit und in Ausbildung. Für Leiharbeitskräfte gelten die Regeln ihres Verleihers.

## 2. Urlaubsanspruch

Vollzeitbeschäftigte mit einer Fünftagewoche haben 30 Urlaubstage im Kalenderjahr. Wer regelmäßig an weniger Tagen arbeitet, erhält den Anspruch anteilig; Bruchteile ab einem halben Tag werden aufgerundet.

| Arbeitstage je Woche | Urlaubstage im Jahr |
| --- | --- |
| 5 | 30 |
| 4 | 24 |
| 3 | 18 |
| 2 | 12 |

Beschäftigte im Schichtdienst bekommen für je zwei zusammenhängende Monate Wechselschicht einen weiteren Urlaubstag, höchstens jedoch sechs im Jahr. Schwerbehinderte Menschen erhalten zusätzlich fünf Tage.

Im Jahr des Eintritts entsteht der Anspruch mit einem Zwölftel je vollem Monat. Der volle Anspruch wird nach sechs Monaten Betriebszugehörigkeit erworben.

## 3. Antrag und Genehmigung

Der Urlaub wird im Dienstplanprogramm beantragt. Anträge für mehr als fünf Tage sind spätestens sechs Wochen vor dem ersten Urlaubstag zu stellen, kürzere spätestens zehn Tage vorher.

Die Wohnbereichsleitung entscheidet innerhalb von sieben Tagen. Bleibt eine Antwort aus, gilt der Antrag als genehmigt. Eine Ablehnung ist zu begründen; dagegen kann binnen einer Woche der Betriebsrat angerufen werden.

In den Schulferien haben Eltern schulpflichtiger Kinder Vorrang. Zwischen dem 20. Dezember und dem 6. Januar darf jede Person höchstens fünf Urlaubstage nehmen.

## 4. Übertragung und Verfall

Resturlaub kann bis zum 31. März des folgenden Jahres genommen werden. Danach verfällt er, sofern die Personalabteilung rechtzeitig, nämlich bis zum 30. September, auf den drohenden Verfall hingewiesen hat.

Wer wegen Krankheit oder Elternzeit nicht konnte, behält den Anspruch; bei Dauererkrankung erlischt er 15 Monate nach Ende des Urlaubsjahres.

Eine Auszahlung ist nur möglich, wenn das Arbeitsverhältnis endet.

## 5. Krankheit

Eine Erkrankung ist vor Dienstbeginn telefonisch der Wohnbereichsleitung zu melden, außerhalb der Bürozeiten der Bereitschaft unter 089 99998-220. Ab dem vierten Kalendertag muss eine ärztliche Bescheinigung vorliegen; sie wird elektronisch bei der Krankenkasse abgerufen.

Wer im Urlaub erkrankt und dies ärztlich nachweist, bekommt die Tage gutgeschrieben.

## 6. Sonderurlaub

| Anlass | Bezahlte freie Tage |
| --- | --- |
| Eigene Eheschließung | 2 |
| Geburt des eigenen Kindes | 2 |
| Tod von Ehe- oder Lebenspartner, Kind oder Elternteil | 3 |
| Tod von Geschwistern oder Großeltern | 1 |
| Umzug aus dienstlichem Grund | 1 |
| Dienstjubiläum nach 25 Jahren | 1 |

Bei einem Umzug aus dienstlichem Grund gibt es einen Tag Sonderurlaub, bei einem privaten Umzug keinen.

Zur Pflege eines erkrankten Kindes unter zwölf Jahren gewährt das Haus fünf bezahlte Tage im Jahr; weitere Tage trägt die Krankenkasse.

## 7. Unbezahlte Freistellung

Nach zwei Jahren Betriebszugehörigkeit kann eine unbezahlte Freistellung von bis zu sechs Monaten vereinbart werden. Der Antrag ist vier Monate vorher zu stellen. Die betriebliche Altersvorsorge ruht in dieser Zeit.

## 8. Datenschutz

Gründe für eine Abwesenheit sind im Dienstplan nicht sichtbar; dort steht nur „abwesend“. Urlaubslisten werden zwei Jahre nach Ende des Urlaubsjahres gelöscht, ärztliche Bescheinigungen nach einem Jahr.

## 9. Inkrafttreten

Diese Fassung ersetzt Fassung 5 vom 01.03.2024. Sie wurde am 24.11.2025 mit dem Betriebsrat, vertreten durch Ole Dithmarsen, abgestimmt.
`
