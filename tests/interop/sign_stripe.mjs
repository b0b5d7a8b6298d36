// Signs bodies with Stripe's library.
//
// Reads one JSON object a line, {secret, timestamp, body}, and prints the header of each.

import { createInterface } from "node:readline";
import Stripe from "stripe";

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, timestamp, body } = JSON.parse(line);
  console.log(Stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp }));
}
