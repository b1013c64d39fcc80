/** An English support manual for a label printer, in Markdown: error codes, resets, warranty. */
export const SUPPORT_MANUAL = `# Brackenfold LX-200 Label Printer: Support Manual

Document: BF-LX200-SM-07, edition 7, 12 January 2026
Firmware covered: 4.2.0 to 4.6.3
Publisher: Brackenfold Devices Ltd, 3 Pinewhistle Yard, Leeds

This manual is for service desks and site technicians. It says what the lights and codes mean, what to do about them, and when to send a printer back.

## 1. The printer at a glance

| Part | Where | What for |
| --- | --- | --- |
| Power switch | back, left | press to start, hold for three seconds to shut down |
| Feed button | front, right | one label per press; calibrates when held |
| Status light | above the feed button | see chapter 2 |
| Service hatch | underside, two screws | memory card, reset pin, battery of the clock |
| USB-C and Ethernet | back, right | never connect both while the printer is starting |

The LX-200 prints on labels from 25 to 108 millimetres wide at up to 150 millimetres per second. It uses direct thermal paper only; ribbon cartridges do not fit.

## 2. Lights

- **Steady green**: ready.
- **Slow blinking green**: receiving data. If it blinks for more than two minutes, the job is stuck: cancel it on the computer, then press the feed button twice.
- **Steady amber**: a warning; the printer still prints. The code is on the status label.
- **Blinking red**: an error; printing has stopped.

To print a status label, hold the feed button for five seconds until the light turns white, then let go.

## 3. Error codes

| Code | Meaning | Remedy |
| --- | --- | --- |
| E01 | Cover open | Close the cover until both latches click. |
| E02 | Out of labels | Load a roll with the printed side up, then press feed once. |
| E07 | Label gap not found | Clean the gap sensor, then calibrate (chapter 5). |
| E13 | Print head too hot | Wait ten minutes; lower the darkness setting to 9 or less. |
| E21 | Cutter jammed | Switch off, open the cover, turn the green wheel backwards until the blade is up. |
| E34 | Network address in use | Give the printer another fixed address or switch it to DHCP. |
| E42 | Memory card not readable | Replace the memory card; settings are restored from the last status label. |
| E55 | Clock battery empty | Replace the battery (CR2032) in the service hatch. |
| E99 | Firmware damaged | Start in recovery mode and load the firmware again (chapter 6). |

Error E13 means that the print head is too hot: let the printer rest for ten minutes before the next job.

If E21 comes back three times in one day, stop using the cutter and open a ticket: the blade is worn and must be changed by a technician.

## 4. Resetting

### 4.1 Restart

A restart keeps all settings and the queue. Hold the power switch for three seconds, wait until the light is off, and press it again.

### 4.2 Network reset

Use it when nobody can reach the printer any more. With the printer on, hold the feed button and the power switch together for eight seconds until the light blinks blue. The printer forgets its address and its Wi-Fi password and asks for an address by DHCP. Labels, fonts and darkness are kept.

### 4.3 Factory reset

For a factory reset, switch the printer off, push the reset pin under the service hatch with a paper clip, keep it pressed and switch the printer on; release the pin after twelve seconds, when the light turns purple. A factory reset erases all stored labels, fonts and certificates and cannot be undone. The administrator password goes back to the one printed on the sticker inside the cover.

## 5. Calibrating

1. Load the labels that you will print on.
2. Close the cover and wait for steady green.
3. Hold the feed button for ten seconds until the printer pushes out four empty labels.
4. Print a status label and check that the text begins two millimetres from the edge.

Calibrate after every change of label size, and whenever E07 appears twice in a row.

## 6. Firmware

Firmware is signed; the printer refuses anything else. Copy the file to a USB stick formatted as FAT32, plug it in, and choose Update on the web page of the printer. Do not switch the printer off during the update, which takes about six minutes. Versions older than 4.2.0 must first be updated to 4.2.0.

To start in recovery mode, hold the feed button while switching on, until the light blinks amber.

## 7. Cleaning

Clean the print head with isopropyl alcohol after every second roll, and the rubber roller once a month. Never use water, acetone or compressed air. Let the print head cool for five minutes first.

## 8. Warranty and returns

The warranty covers defects in material and workmanship for 36 months from the date of purchase. For the print head it is limited to 12 months or 50 kilometres of labels, whichever comes first.

The warranty does not cover damage from liquids, from labels with metal backing, or from opening the housing beyond the service hatch.

To return a printer, request a return number from support@brackenfold.example and send the printer within 14 days in its original box, without labels and without the memory card. A repair takes eight working days on average; customers with the Plus plan receive a replacement on the next working day.

## 9. Getting help

| Channel | Hours | For |
| --- | --- | --- |
| support@brackenfold.example | answers within one working day | questions, return numbers |
| 0113 496 0200 | Monday to Friday, 07:30 to 19:00 | printers that stand still |
| status.brackenfold.example | always | known faults of the cloud service |

Have the serial number ready: it begins with LX2 and stands on the sticker inside the cover and on the status label.
`
