// Verifies one access token with Node's own crypto: node jose_verify.js JWKS_FILE TOKEN_FILE
// Exit 0: the signature is right; the claims go to stdout. 1: it is not.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const jwks = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const [header, payload, signature] = fs.readFileSync(process.argv[3], 'utf8').split('.');
const kid = JSON.parse(Buffer.from(header, 'base64url')).kid;
const jwk = jwks.keys.find((key) => key.kid === kid);
if (!jwk) { console.log('unknown kid'); process.exit(1); }
const key = crypto.createPublicKey({key: jwk, format: 'jwk'});
const text = Buffer.from(`${header}.${payload}`);
if (!crypto.verify(null, text, key, Buffer.from(signature, 'base64url'))) process.exit(1);
// RFC 7638: the thumbprint of the key, whose first half is the kid.
const thumb = crypto.createHash('sha256')
    .update(JSON.stringify({crv: jwk.crv, kty: jwk.kty, x: jwk.x})).digest();
if (thumb.subarray(0, 16).toString('base64url') !== kid) process.exit(1);
console.log(Buffer.from(payload, 'base64url').toString());
