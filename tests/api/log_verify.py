"""Verifies Florin's audit log over HTTP with nothing of Florin's: only SHA-256 (hashlib) and Ed25519
(RFC 8032, section 5.1, written out below), after the public formats c2sp.org/signed-note,
tlog-checkpoint, tlog-tiles and tlog-proof and RFC 6962.

    python3 log_verify.py BASE_URL VERIFIER_KEY [TOKEN [OLD_CHECKPOINT_FILE]]

Without a token: the checkpoint's signature, and every tile against the root it states. With an
auditor's token also every entry against its leaf, inclusion proofs (JSON and file) of entries all
over the log, and consistency proofs between sizes; with an older checkpoint, that the log is that one
grown. Exit 0 when everything holds, 1 with a line that says what does not, 2 for wrong usage, 3 when
the log (or the file) could not be asked.
"""
import base64
import hashlib
import json
import struct
import sys
import urllib.request

# ---- Ed25519 (RFC 8032) ----------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def point_add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    e = (y1 - x1) * (y2 - x2) % P
    f = (y1 + x1) * (y2 + x2) % P
    g = 2 * t1 * t2 * D % P
    h = 2 * z1 * z2 % P
    left, right, below, above = f - e, h - g, h + g, f + e
    return left * right % P, below * above % P, right * below % P, left * above % P


def point_multiply(factor, point):
    result = (0, 1, 1, 0)
    while factor > 0:
        if factor & 1:
            result = point_add(result, point)
        point = point_add(point, point)
        factor >>= 1
    return result


def point_equal(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def point_decode(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * SQRT_M1 % P
    if (x * x - square) % P != 0 or (x == 0 and sign == 1):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point_decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_verify(public, message, signature):
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r = point_decode(public), point_decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return point_equal(point_multiply(s, BASE), point_add(r, point_multiply(h, a)))


# ---- Merkle trees (RFC 6962, section 2.1) ----------------------------------------------------


def leaf_hash(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def tree_root(leaves):
    """The definition, word for word: the largest power of two below n, left and right."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(tree_root(leaves[:k]), tree_root(leaves[k:]))


def root_from_inclusion(index, size, leaf, proof):
    """RFC 9162, section 2.1.3.2."""
    if index >= size:
        raise ValueError("the index is beyond the size")
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            raise ValueError("the proof is too long")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while fn & 1 == 0 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise ValueError("the proof is too short")
    return r


def check_consistency(size1, size2, root1, root2, proof):
    """RFC 9162, section 2.1.4.2."""
    if not 0 < size1 <= size2:
        raise ValueError("the sizes")
    if size1 == size2:
        if proof or root1 != root2:
            raise ValueError("equal sizes with a proof, or different roots")
        return
    if not proof:
        raise ValueError("an empty proof")
    if size1 & (size1 - 1) == 0:
        proof = [root1] + proof
    fn, sn = size1 - 1, size2 - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for c in proof[1:]:
        if sn == 0:
            raise ValueError("the proof is too long")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while fn & 1 == 0 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if fr != root1 or sr != root2 or sn != 0:
        raise ValueError("the roots do not follow")


# ---- Notes and checkpoints -------------------------------------------------------------------


class Verifier:
    def __init__(self, text):
        self.name, key_id, key = text.strip().split("+", 2)
        key = base64.b64decode(key, validate=True)
        self.key_id, self.public = bytes.fromhex(key_id), key[1:]
        expected = hashlib.sha256(self.name.encode() + b"\n" + key).digest()[:4]
        if key[0] != 1 or self.key_id != expected:
            raise ValueError("the verifier key does not agree with its id")

    def open(self, note):
        """The text of a note that this key signed."""
        split = note.rindex(b"\n\n")
        text, lines = note[: split + 1], note[split + 2 :].decode().splitlines()
        for line in lines:
            dash, name, signature = line.split(" ")
            signature = base64.b64decode(signature, validate=True)
            if dash == "\u2014" and name == self.name and signature[:4] == self.key_id:
                if not ed25519_verify(self.public, text, signature[4:]):
                    raise ValueError("the signature is wrong")
                return text
        raise ValueError("not signed by this key")

    def checkpoint(self, note):
        origin, size, root = self.open(note).decode().split("\n")[:3]
        if origin != self.name:
            raise ValueError("the origin is another one")
        return int(size), base64.b64decode(root, validate=True)


# ---- The log over HTTP -----------------------------------------------------------------------


class Log:
    def __init__(self, base, token):
        self.base, self.token = base, token

    def get(self, path, accept="*/*"):
        headers = {"Accept": accept}
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        with urllib.request.urlopen(urllib.request.Request(self.base + path, headers=headers)) as a:
            return a.read(), a.headers

    def tile(self, level, index, width):
        data, headers = self.get(tile_path(str(level), index, width))
        if len(data) != 32 * width:
            raise ValueError("a tile of another width")
        if width == 256 and "immutable" not in headers["Cache-Control"]:
            raise ValueError("a full tile is to be cached for ever")
        return [data[i * 32 : i * 32 + 32] for i in range(width)]

    def bundle(self, index, width):
        data, _ = self.get(tile_path("entries", index, width))
        entries = []
        while data:
            (size,) = struct.unpack(">H", data[:2])
            entries.append(data[2 : 2 + size])
            data = data[2 + size :]
        if len(entries) != width:
            raise ValueError("a bundle of another width")
        return entries


def tile_path(level, index, width):
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    partial = f".p/{width}" if width < 256 else ""
    return f"/v1/audit/log/tile/{level}/{'/'.join(groups)}{partial}"


def tiles_of(level, size):
    nodes = size >> (8 * level)
    for index in range(nodes // 256):
        yield index, 256
    if nodes % 256:
        yield nodes // 256, nodes % 256


def verify_tiles(log, size, root):
    """Every tile of every level against the leaves; gives these."""
    leaves, level = [], 0
    for index, width in tiles_of(0, size):
        leaves += log.tile(0, index, width)
    if tree_root(leaves) != root:
        raise ValueError("the tiles do not give the checkpoint's root")
    nodes = leaves
    while len(nodes) >= 256:
        level += 1
        nodes = [tree_root(nodes[i * 256 : i * 256 + 256]) for i in range(len(nodes) // 256)]
        for index, width in tiles_of(level, size):
            if log.tile(level, index, width) != nodes[index * 256 : index * 256 + width]:
                raise ValueError(f"tile {level}/{index} is not made of those below it")
    return leaves


def verify_entries(log, size, leaves):
    for index, width in tiles_of(0, size):
        for i, entry in enumerate(log.bundle(index, width)):
            if leaf_hash(entry) != leaves[index * 256 + i]:
                raise ValueError(f"entry {index * 256 + i} is not the leaf's")


def samples(size, count):
    chosen = {0, size - 1, size // 2, min(255, size - 1), min(256, size - 1)}
    return sorted(chosen | {i * size // count for i in range(count)})


def verify_inclusion(log, verifier, leaves):
    for index in samples(len(leaves), 40):
        proof = json.loads(log.get(f"/v1/audit/events/{index}/proof")[0])
        size, root = verifier.checkpoint(proof["checkpoint"].encode())
        hashes = [bytes.fromhex(text) for text in proof["hashes"]]
        if root_from_inclusion(index, size, leaves[index], hashes) != root:
            raise ValueError(f"the proof of entry {index} does not hold")
        file = log.get(f"/v1/audit/events/{index}/proof", "text/plain")[0]
        head, note = file.split(b"\n\n", 1)
        lines = head.decode().split("\n")
        if lines[0] != "c2sp.org/tlog-proof@v1" or lines[1] != f"index {index}":
            raise ValueError("not a proof file")
        hashes = [base64.b64decode(line, validate=True) for line in lines[2:]]
        size, root = verifier.checkpoint(note)
        if root_from_inclusion(index, size, leaves[index], hashes) != root:
            raise ValueError(f"the proof file of entry {index} does not hold")


def verify_consistency(log, leaves):
    size = len(leaves)
    for size1 in samples(size, 20):
        for size2 in samples(size, 3) + [size]:
            if not 0 < size1 <= size2:
                continue
            proof = json.loads(log.get(f"/v1/audit/consistency?from={size1}&to={size2}")[0])
            hashes = [bytes.fromhex(text) for text in proof["hashes"]]
            check_consistency(
                size1, size2, tree_root(leaves[:size1]), tree_root(leaves[:size2]), hashes
            )


# ---- Itself ----------------------------------------------------------------------------------

VECTOR_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
VECTOR_NOTE = """This is an example message.

\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""


def refuses(check, *arguments):
    try:
        check(*arguments)
    except ValueError:
        return True
    return False


def verify_itself():
    """A verifier that accepts everything would find no fault either."""
    verifier = Verifier(VECTOR_KEY)
    if verifier.open(VECTOR_NOTE.encode()) != b"This is an example message.\n":
        raise ValueError("this verifier does not know the vector of its own formats")
    leaves = [leaf_hash(bytes([i])) for i in range(7)]
    root = tree_root(leaves)
    proof = [leaves[1], node_hash(leaves[2], leaves[3]), tree_root(leaves[4:])]
    if root_from_inclusion(0, 7, leaves[0], proof) != root:
        raise ValueError("this verifier refuses what is right")
    accepted = [
        not refuses(verifier.open, VECTOR_NOTE.replace("example m", "another m").encode()),
        root_from_inclusion(0, 7, leaves[1], proof) == root,
        not refuses(root_from_inclusion, 0, 7, leaves[0], proof[:-1]),
        not refuses(root_from_inclusion, 0, 7, leaves[0], proof + proof[:1]),
        not refuses(root_from_inclusion, 7, 7, leaves[0], proof),
        not refuses(check_consistency, 4, 7, tree_root(leaves[:4]), root, proof[:1]),
        not refuses(check_consistency, 0, 7, tree_root([]), root, []),
        not refuses(check_consistency, 7, 7, root, root, proof[:1]),
    ]
    if any(accepted):
        raise ValueError(f"this verifier accepts what is wrong: {accepted}")


def verify(base, key, token, old_file):
    verify_itself()
    verifier = Verifier(key)
    log = Log(base, token)
    size, root = verifier.checkpoint(log.get("/v1/audit/log/checkpoint")[0])
    leaves = verify_tiles(Log(base, None), size, root)
    print(f"checkpoint of {size} entries: signature and tiles hold")
    if not token:
        return
    verify_entries(log, size, leaves)
    verify_inclusion(log, verifier, leaves)
    verify_consistency(log, leaves)
    print("entries, inclusion and consistency hold")
    if not old_file:
        return
    with open(old_file, "rb") as file:
        old_size, old_root = verifier.checkpoint(file.read())
    proof = json.loads(log.get(f"/v1/audit/consistency?from={old_size}&to={size}")[0])
    hashes = [bytes.fromhex(text) for text in proof["hashes"]]
    check_consistency(old_size, size, old_root, root, hashes)
    print(f"the log of {old_size} entries is its beginning")


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 5:
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(2)
    given = sys.argv[1:] + [None] * 2
    try:
        verify(*given[:4])
    except OSError as error:  # The network, HTTP refusals, files.
        print(f"COULD NOT BE ASKED: {error}")
        sys.exit(3)
    except (ValueError, KeyError) as error:
        print(f"DOES NOT HOLD: {error}")
        sys.exit(1)
