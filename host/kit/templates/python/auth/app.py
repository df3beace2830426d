"""my-component: an auth component. It verifies HS256 tokens and credentials from before tokens."""

import base64
import hashlib
import hmac
import json
import warnings  # noqa: F401 - `hmac` wants it in a call, when there is nothing that could be imported any more

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.auth import Algorithm, Denial, DenialCode, Method, Principal

SCOPES = ("read", "write", "delete", "admin")
LONGEST = 8 * 1024  # bytes of a credential


def denied(code, message, hint="ask whoever runs this gateway for a new token"):
    return Err(Denial(code, message, hint))


def unpadded(part):
    """Base64url without padding, and nothing else."""
    if not part or not all(c.isascii() and (c.isalnum() or c in "-_") for c in part):
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def members(pairs):
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a member occurs twice")
    return dict(pairs)


def read_object(part):
    read = json.loads(unpadded(part), object_pairs_hook=members)
    if type(read) is not dict:
        raise ValueError("not an object")
    return read


def is_name(text):
    return type(text) is str and 1 <= len(text.encode("utf-8", "replace")) <= 256 and text.isprintable()


def second(value):
    if type(value) not in (int, float) or value != value or value in (float("inf"), float("-inf")):
        raise ValueError("not an instant")
    return max(0, int(value))


# What `configure` took. Each call has an object of its own, so it is kept here.
POLICY = None


class Auth(exports.Auth):
    def configure(self, policy):
        global POLICY
        kids = [key.kid for key in policy.keys]
        for key in policy.keys:
            if not is_name(key.kid) or kids.count(key.kid) > 1:
                raise Err(f"the kid {key.kid!r} is no name, or occurs twice")
            if key.algorithm != Algorithm.HS256:
                raise Err(f"key {key.kid!r}: this component verifies HS256 alone")
            if len(key.material) < 32:
                raise Err(f"key {key.kid!r} has less than 32 bytes")
        if policy.leeway_s > 3600:
            raise Err(f"a leeway of {policy.leeway_s} s is more than an hour")
        POLICY = policy

    def authenticate(self, credential, now):
        if not credential:
            raise denied(DenialCode.MISSING, "there is no credential", "send `Authorization: Bearer TOKEN`")
        if POLICY is None or len(credential) > LONGEST:
            raise denied(DenialCode.MALFORMED, "the credential is too long")
        try:
            if credential.count(".") == 2:
                return self.token(credential, now)
            return self.legacy(credential, now)
        except Err:
            raise
        except Exception as error:  # what cannot be read lets nobody in
            raise denied(DenialCode.MALFORMED, f"the credential cannot be read: {type(error).__name__}") from error

    def token(self, credential, now):
        signed, _, signature = credential.rpartition(".")
        header, payload = signed.split(".")
        header = read_object(header)
        if "crit" in header:
            raise denied(DenialCode.MALFORMED, "the token's header holds `crit`, which is not supported")
        key = self.key(header.get("kid"))
        # The key says how it is used; the token's own `alg` chooses nothing.
        if header.get("alg") != "HS256":
            raise denied(DenialCode.WRONG_ALGORITHM, f"key {key.kid!r} is for HS256")
        expected = hmac.new(key.material, signed.encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(expected, unpadded(signature)):
            raise denied(DenialCode.BAD_SIGNATURE, f"the signature was not made with key {key.kid!r}")
        claims, leeway = read_object(payload), POLICY.leeway_s
        if "exp" not in claims or now >= second(claims["exp"]) + leeway:
            raise denied(DenialCode.EXPIRED, "the token has expired, or states no expiry")
        if "nbf" in claims and now + leeway < second(claims["nbf"]):
            raise denied(DenialCode.NOT_YET_VALID, "the token is not valid yet")
        if claims.get("iss") not in key.issuers:
            raise denied(DenialCode.WRONG_ISSUER, f"key {key.kid!r} may not speak for the issuer")
        audiences = claims.get("aud", [])
        audiences = audiences if type(audiences) is list else [audiences]
        if not any(one in POLICY.audiences for one in audiences):
            raise denied(DenialCode.WRONG_AUDIENCE, "the token is for somebody else")
        subject, tenant, id = claims.get("sub"), claims.get("tenant"), claims.get("jti")
        if not is_name(subject) or not is_name(tenant):
            raise denied(DenialCode.MISSING_CLAIM, "`sub` or `tenant` is missing or no name")
        if tenant == "*" or not ("*" in key.tenants or tenant in key.tenants):
            raise denied(DenialCode.WRONG_TENANT, f"key {key.kid!r} may not speak for the tenant")
        if id is not None and id in POLICY.revoked:
            raise denied(DenialCode.REVOKED, "the token has been revoked")
        claimed = str(claims.get("scope", "")).split(" ") + list(claims.get("scopes", []))
        scopes = [scope for scope in SCOPES if scope in claimed]
        return Principal(subject, tenant, scopes, Method.TOKEN, key.kid, id, claims["iss"], second(claims["exp"]))

    def key(self, kid):
        found = [key for key in POLICY.keys if kid is None or key.kid == kid]
        if len(found) != 1:
            raise denied(DenialCode.UNKNOWN_KEY, "no key, or more than one, may have signed the token")
        return found[0]

    def legacy(self, credential, now):
        digest = hashlib.sha256(credential.encode()).hexdigest()
        found = [known for known in POLICY.legacy if hmac.compare_digest(known.sha256, digest)]
        if not found:
            raise denied(DenialCode.MALFORMED, "the credential is neither a token nor a known one")
        until = POLICY.legacy_until
        if until is None or now >= until:
            raise denied(DenialCode.LEGACY_ENDED, "such credentials are no longer accepted")
        known = found[-1]
        return Principal(known.subject, known.tenant, known.scopes, Method.LEGACY, None, None, None, until)
