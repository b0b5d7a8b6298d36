"""Verifies webhooks with the library of Standard Webhooks.

Reads one JSON object a line, {secret, headers, body}, and prints `ok` or `refused` for each.
Anything but a refusal of the library ends the program.
"""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

for line in sys.stdin.buffer:
    webhook = json.loads(line)
    try:
        Webhook(webhook["secret"]).verify(webhook["body"].encode(), webhook["headers"])
        print("ok")
    except WebhookVerificationError:
        print("refused")
