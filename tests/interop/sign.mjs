// Signs webhooks with the library of Standard Webhooks.
//
// Reads one JSON object a line, {secret, id, timestamp, body}, and prints the signature of each.

import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, id, timestamp, body } = JSON.parse(line);
  console.log(new Webhook(secret).sign(id, new Date(timestamp * 1000), body));
}
