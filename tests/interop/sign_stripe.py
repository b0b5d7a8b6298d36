"""Signs bodies with Stripe's library.

Reads one JSON object a line, {secret, timestamp, body}, and prints the header of each.
"""

import json
import sys

from stripe import WebhookSignature

for line in sys.stdin.buffer:
    webhook = json.loads(line)
    header = WebhookSignature.generate_signature_header(
        webhook["body"], webhook["secret"], webhook["timestamp"]
    )
    print(header)
