// Verifies webhooks with the library of Standard Webhooks.
//
// Reads one JSON object a line, {secret, headers, body}, and prints `ok` or `refused` for each.
// Anything but a refusal of the library ends the program.

import { createInterface } from "node:readline";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body } = JSON.parse(line);
  try {
    new Webhook(secret).verify(Buffer.from(body), headers);
    console.log("ok");
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    console.log("refused");
  }
}
