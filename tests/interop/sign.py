"""Signs webhooks with the library of Standard Webhooks.

Reads one JSON object a line, {secret, id, timestamp, body}, and prints the signature of each.
"""

import json
import sys
from datetime import datetime, timezone

from standardwebhooks import Webhook

for line in sys.stdin.buffer:
    webhook = json.loads(line)
    at = datetime.fromtimestamp(webhook["timestamp"], tz=timezone.utc)
    print(Webhook(webhook["secret"]).sign(webhook["id"], at, webhook["body"]))
