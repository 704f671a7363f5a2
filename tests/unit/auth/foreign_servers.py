"""An SMTP and an HTTP server that know nothing of Florin: Python's own.

Prints "<smtp port> <http port>", then for each mail or POST one JSON line of what Python's e-mail
and JSON parsers make of it. Ends with its standard input. Exit status 77: this Python has no smtpd.
"""

import email
import email.policy
import http.server
import json
import sys
import threading
import warnings

warnings.simplefilter("ignore")
try:
    import asyncore
    import smtpd
except ImportError:
    sys.exit(77)


def tell(**members):
    print(json.dumps(members), flush=True)


class MailServer(smtpd.SMTPServer):
    def process_message(self, peer, mailfrom, rcpttos, data, **options):
        mail = email.message_from_bytes(data, policy=email.policy.default)
        sender = mail["From"].addresses[0]
        tell(
            envelope_from=mailfrom,
            envelope_to=rcpttos[0],
            name=sender.display_name,
            address=sender.addr_spec,
            to=mail["To"].addresses[0].addr_spec,
            subject=mail["Subject"],
            date=mail["Date"].datetime.isoformat(),
            id=mail["Message-ID"],
            charset=mail.get_content_charset(),
            text=mail.get_content(),
            defects=len(mail.defects) + sum(len(value.defects) for value in mail.values()),
        )


class Webhook(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key_is_id = self.headers["Idempotency-Key"] == body["id"]
        tell(to=body["to"], text=body["text"], kind=body["kind"], key_is_id=str(key_is_id))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *ignored):
        pass


mail_server = MailServer(("127.0.0.1", 0), None)
web_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
threading.Thread(target=asyncore.loop, kwargs={"timeout": 0.1}, daemon=True).start()
threading.Thread(target=web_server.serve_forever, daemon=True).start()
print(mail_server.socket.getsockname()[1], web_server.server_address[1], flush=True)
sys.stdin.read()
