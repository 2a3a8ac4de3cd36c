"""receiver.py KIND PORT CERTIFICATE KEY OUT [SECRET | USER PASSWORD]

Takes what Wharden sends elsewhere and writes one JSON line to OUT for each thing that came. KIND is `webhook` (HTTPS, requests
signed with SECRET), `smtp` (mail with STARTTLS, and a login that must be right) or `syslog` (RFC 5424 in frames over TLS).
While the file OUT.refuse exists, a webhook answers what is in it, and a mail server refuses with a transient error.
"""

import hashlib
import hmac
import http.server
import json
import socketserver
import ssl
import sys
import threading
import time

kind, port, certificate, key, out = sys.argv[1], int(sys.argv[2]), *sys.argv[3:6]
lock = threading.Lock()


def keep(**what):
    with lock, open(out, "a", encoding="utf-8") as file:
        file.write(json.dumps(what) + "\n")
        file.flush()


def refusal():
    try:
        with open(out + ".refuse", encoding="utf-8") as file:
            return file.read().strip()
    except FileNotFoundError:
        return None


def tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def webhook(secret):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            header = self.headers.get("wharden-signature", "")
            at = header.removeprefix("t=").split(",")[0]
            mac = hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
            signed = hmac.compare_digest(header, f"t={at},v1={mac}")
            status = int(refusal() or 200)
            keep(
                status=status,
                path=self.path,
                signed=signed,
                fresh=abs(time.time() * 1000 - int(at or 0)) < 120_000,
                delivery=self.headers.get("wharden-delivery"),
                body=json.loads(body),
            )
            answer = b"heard " + self.path.encode() + b"\n"
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.socket = tls().wrap_socket(server.socket, server_side=True)
    server.serve_forever()


def smtp(user, password):
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    class Handler:
        async def handle_DATA(self, server, session, envelope):
            if refusal():
                keep(refused=True, user=session.auth_data)
                return "451 not now"
            keep(
                refused=False,
                user=session.auth_data,
                tls=session.ssl is not None,
                mail_from=envelope.mail_from,
                rcpt_tos=envelope.rcpt_tos,
                text=envelope.content.decode(),
            )
            return "250 kept for ever"

    def authenticate(server, session, envelope, mechanism, data):
        good = (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=good, handled=False, auth_data=data.login.decode() if good else None)

    Controller(
        Handler(),
        hostname="127.0.0.1",
        port=port,
        tls_context=tls(),
        require_starttls=True,
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=True,
    ).start()
    threading.Event().wait()


def syslog():
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while True:
                length = b""
                while (byte := self.rfile.read(1)) not in (b" ", b""):
                    length += byte
                if not length:
                    return
                keep(message=self.rfile.read(int(length)).decode())

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def get_request(self):
            stream, address = self.socket.accept()
            return tls().wrap_socket(stream, server_side=True), address

    Server(("127.0.0.1", port), Handler).serve_forever()


{"webhook": webhook, "smtp": smtp, "syslog": syslog}[kind](*sys.argv[6:])
