#!/usr/bin/env python3
"""Follows a Florin daemon's events with Python's standard library and the openssl command alone.

    follow.py ledger ipc:///florin/run/ledger-events.sock ipc:///florin/run/ledger.sock \
              risk.key events.txt [PREFIX]

The same program as follow.c, written from README.md: SP framing, SUB and REQ, protobuf, the token,
the rule of gaps, and a cursor that changes together with what was made of the events. With an nng
binding (pynng) class Pipe goes, with protoc --python_out the section "Protobuf" does.

URLs: ipc://PATH, tcp://HOST:PORT, tls+tcp://HOST:PORT (PEM files in $TLS_CA, $TLS_CERTIFICATE and
$TLS_KEY).
Events whose type does not begin with PREFIX are passed over.
"""
import base64
import hashlib
import json
import os
import secrets
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import uuid

SUB, PUB, REQ, REP = 0x21, 0x20, 0x30, 0x31  # SP protocol numbers.
MESSAGE_BYTES_MAX = 8 << 20
SILENCE_S = 2.5  # Two heartbeats and a half.
TOKEN_LIFE_S = 300


# ---- SP: framing of messages over a stream -------------------------------------------------------

class Pipe:
    """One connection that carries whole messages."""

    def __init__(self, url, protocol, peer_protocol):
        scheme, address = url.split("://", 1)
        self.marker = b"\x01" if scheme == "ipc" else b""
        if scheme == "ipc":
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(5)
            self.socket.connect(address)
        else:
            host, port = address.rsplit(":", 1)
            self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout=5)
            if scheme == "tls+tcp":
                context = ssl.create_default_context(cafile=os.environ["TLS_CA"])
                context.load_cert_chain(os.environ["TLS_CERTIFICATE"], os.environ["TLS_KEY"])
                self.socket = context.wrap_socket(self.socket, server_hostname=host)
        self.received = bytearray()
        self.socket.sendall(b"\0SP\0" + struct.pack(">HH", protocol, 0))
        greeting = self.take(8, time.monotonic() + 5)
        del self.received[:8]
        if greeting != b"\0SP\0" + struct.pack(">HH", peer_protocol, 0):
            raise ConnectionError("the peer speaks another protocol")

    def take(self, size, until):
        """`size` bytes, or None when the time is up; what came so far is kept."""
        while len(self.received) < size:
            left = until - time.monotonic()
            if left <= 0:
                return None
            self.socket.settimeout(left)
            try:
                chunk = self.socket.recv(1 << 16)
            except (TimeoutError, ssl.SSLWantReadError):
                return None
            if not chunk:
                raise ConnectionError("the peer has gone")
            self.received += chunk
        return bytes(self.received[:size])

    def send(self, message):
        self.socket.settimeout(5)
        self.socket.sendall(self.marker + struct.pack(">Q", len(message)) + message)

    def receive(self, wait_s):
        """One message, or None when none came in time."""
        until = time.monotonic() + wait_s
        head_size = len(self.marker) + 8
        head = self.take(head_size, until)
        if head is None:
            return None
        size = struct.unpack(">Q", head[-8:])[0]
        if head[:-8] != self.marker or size > MESSAGE_BYTES_MAX:
            raise ConnectionError("not a message")
        whole = self.take(head_size + size, until)
        if whole is None:
            return None
        del self.received[:head_size + size]
        return whole[head_size:]

    def close(self):
        self.socket.close()


# ---- Protobuf: as much as is needed --------------------------------------------------------------

def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number_field(number, value):
    return varint(number << 3) + varint(value) if value else b""


def bytes_field(number, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value if value else b""


def fields(data):
    """Yields (field number, value) of a message: an int, or bytes."""
    at = 0

    def take_varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = take_varint()
        kind = tag & 7
        if kind == 0:
            yield tag >> 3, take_varint()
            continue
        size = {1: 8, 5: 4}.get(kind) or take_varint()
        value = data[at:at + size]
        if len(value) != size:
            raise ValueError("a field is cut off")
        at += size
        yield tag >> 3, int.from_bytes(value, "little") if kind != 2 else value


def decode_event(data):
    names = {2: "seq", 3: "type", 4: "time_ns", 5: "subject", 6: "actor", 11: "outcome"}
    event = {name: "" for name in names.values()}
    for number, value in fields(data):
        if number in names:
            event[names[number]] = value.decode() if isinstance(value, bytes) else value
    return event


def decode_batch(data):
    batch = {"source": "", "head_seq": 0, "log_id": 0, "events": [], "ancestors": []}
    for number, value in fields(data):
        if number == 1:
            batch["source"] = value.decode()
        elif number == 2:
            batch["head_seq"] = value
        elif number == 3:
            batch["events"].append(decode_event(value))
        elif number == 4:
            batch["log_id"] = value
        elif number == 5:
            ancestor = dict(fields(value))
            batch["ancestors"].append((ancestor.get(1, 0), ancestor.get(2, 0)))
    return batch


# ---- The token: JWS, EdDSA ----------------------------------------------------------------------

def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """<service>.key: 64 hex digits, an Ed25519 seed."""

    def __init__(self, path):
        self.service = os.path.basename(path).removesuffix(".key")
        with open(path, encoding="ascii") as file:
            seed = bytes.fromhex(file.read().strip())
        self.pkcs8 = bytes.fromhex("302e020100300506032b657004220420") + seed
        public = self.openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER")[-32:]
        thumbprint = '{"crv":"Ed25519","kty":"OKP","x":"%s"}' % base64url(public)
        self.kid = base64url(hashlib.sha256(thumbprint.encode()).digest()[:16])
        self.made_s, self.text = 0, ""

    def openssl(self, *arguments):
        return subprocess.run(["openssl", *arguments, "-in" if arguments[0] == "pkey" else "-inkey",
                               "/dev/stdin"], input=self.pkcs8, capture_output=True,
                              check=True).stdout

    def sign(self, message):
        with tempfile.NamedTemporaryFile() as file:
            file.write(message)
            file.flush()
            return self.openssl("pkeyutl", "-sign", "-rawin", "-in", file.name, "-keyform", "DER")

    def token(self):
        now_s = int(time.time())
        if not 0 <= now_s - self.made_s < TOKEN_LIFE_S // 2:
            header = '{"alg":"EdDSA","typ":"at+jwt","kid":"%s"}' % self.kid
            claims = json.dumps({"iss": "florin-" + self.service,
                                 "sub": "services/" + self.service, "aud": "florin",
                                 "exp": now_s + TOKEN_LIFE_S, "nbf": now_s, "iat": now_s,
                                 "jti": str(uuid.uuid4()), "roles": ["service"]})
            signed = base64url(header.encode()) + "." + base64url(claims.encode())
            self.text = signed + "." + base64url(self.sign(signed.encode()))
            self.made_s = now_s
        return self.text


# ---- Read: what was missed -----------------------------------------------------------------------

class Stop(Exception):
    """Somebody must decide: see README.md."""


class Log:
    """florin.event.v1.EventLog of one daemon, by RPC."""

    def __init__(self, url, key):
        self.url, self.key, self.pipe, self.call_id = url, key, None, 0

    def read(self, after_seq):
        """The batch after this seq; None when the daemon cannot be asked now."""
        try:
            return self.ask(after_seq)
        except (OSError, ValueError, IndexError) as error:
            print("follow.py: read:", error, file=sys.stderr)
            if self.pipe:
                self.pipe.close()
            self.pipe = None
            return None

    def ask(self, after_seq):
        if self.pipe is None:
            self.pipe = Pipe(self.url, REQ, REP)
        self.call_id += 1
        request = (number_field(1, self.call_id)
                   + bytes_field(2, "florin.event.v1.EventLog/Read")
                   + number_field(3, 5000)  # timeout_ms
                   + number_field(4, 1)  # attempt
                   + bytes_field(6, self.key.token())
                   + bytes_field(11, number_field(1, after_seq) + number_field(2, 1000)))
        request_id = struct.pack(">I", 0x80000000 | secrets.randbits(31))
        self.pipe.send(request_id + bytes_field(1, request))
        answer = self.pipe.receive(6)
        if answer is None or answer[:4] != request_id:
            raise ConnectionError("no answer")
        reply = dict(fields(dict(fields(answer[4:]))[1]))
        status = dict(fields(reply.get(2, b"")))
        if status.get(1, 0) == 0:
            return decode_batch(reply.get(3, b""))
        reason = status.get(2, b"").decode()
        if reason in ("SEQ_AHEAD_OF_LOG", "SEQ_TRIMMED"):
            raise Stop(reason)
        raise ConnectionError(reason)


# ---- Effect and cursor --------------------------------------------------------------------------

class Output:
    """Lines in a file; what stands behind the length that the cursor tells is not there."""

    def __init__(self, path):
        self.path, self.cursor_path = path, path + ".cursor"
        self.seq = self.log_id = size = 0
        if os.path.exists(self.cursor_path):
            with open(self.cursor_path, encoding="ascii") as file:
                self.seq, self.log_id, size = map(int, file.read().split())
        self.file = open(path, "r+b" if os.path.exists(path) else "w+b")
        self.file.truncate(size)
        self.file.seek(size)

    def store(self, events, seq, log_id):
        for event in events:
            self.file.write("{seq} {time_ns} {type} {subject} {actor} {outcome}\n"
                            .format(**event).encode())
        self.file.flush()
        os.fsync(self.file.fileno())
        with open(self.path + ".new", "w", encoding="ascii") as file:
            file.write(f"{seq} {log_id} {self.file.tell()}\n")
            file.flush()
            os.fsync(file.fileno())
        os.rename(self.path + ".new", self.cursor_path)
        directory = os.open(os.path.dirname(self.path) or ".", os.O_DIRECTORY)
        os.fsync(directory)
        os.close(directory)
        self.seq, self.log_id = seq, log_id


# ---- Following ----------------------------------------------------------------------------------

class Follower:
    def __init__(self, source, events_url, log, output, prefix):
        self.source, self.events_url, self.log = source, events_url, log
        self.output, self.prefix = output, prefix

    def take(self, batch):
        """Takes the events that come next; False when there is a hole before one of them."""
        seq, chosen, is_whole = self.output.seq, [], True
        for event in batch["events"]:
            if event["seq"] <= seq:
                continue  # Known already.
            if event["seq"] > seq + 1:
                is_whole = False
                break
            seq += 1
            if event["type"].startswith(self.prefix):
                chosen.append(event)
        if seq > self.output.seq:
            self.output.store(chosen, seq, batch["log_id"])
        return is_whole

    def adopt(self, batch):
        """Another log goes on from ours only if it is a copy that held all we have dealt with."""
        if batch["source"] != self.source:
            raise Stop("SOURCE_REPLACED")
        known = self.output.log_id in (0, batch["log_id"])
        if not known and not any(log_id == self.output.log_id and self.output.seq <= head_seq
                                 for log_id, head_seq in batch["ancestors"]):
            raise Stop("SOURCE_REPLACED")
        self.output.log_id = batch["log_id"]

    def catch_up(self):
        while True:
            batch = self.log.read(self.output.seq)
            if batch is None:
                time.sleep(0.5)
                continue
            self.adopt(batch)
            if self.take(batch) and self.output.seq >= batch["head_seq"]:
                return

    def listen(self, pipe):
        self.catch_up()  # What was sent before the connection stood is nowhere else.
        while True:
            message = pipe.receive(SILENCE_S)
            if message is None:
                raise ConnectionError("no heartbeat")
            topic, _, packed = message.partition(b"\0")
            batch = decode_batch(packed)
            is_other = batch["log_id"] != self.output.log_id
            # A heartbeat has no events; what it tells of and is not here was lost on the way.
            if is_other or not self.take(batch) or (
                    not batch["events"] and batch["head_seq"] > self.output.seq):
                self.catch_up()

    def run(self):
        while True:
            pipe = None
            try:
                pipe = Pipe(self.events_url, SUB, PUB)
                self.listen(pipe)
            except (OSError, ValueError, IndexError) as error:
                print("follow.py:", error, file=sys.stderr)
                time.sleep(0.2)
            finally:
                if pipe:
                    pipe.close()


def main():
    if len(sys.argv) not in (6, 7):
        sys.exit("usage: follow.py SOURCE EVENTS_URL RPC_URL KEY_FILE OUTPUT [PREFIX]")
    source, events_url, rpc_url, key_file, output = sys.argv[1:6]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    follower = Follower(source, events_url, Log(rpc_url, Key(key_file)), Output(output),
                        sys.argv[6] if len(sys.argv) == 7 else "")
    try:
        follower.run()
    except Stop as reason:
        print("follow.py: stopped at", follower.output.seq, reason, file=sys.stderr)
        sys.exit(3)


if __name__ == "__main__":
    main()
