"""Ed25519 (RFC 8032) through the package cryptography: PEM keys, raw signatures."""

import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)


def pair() -> tuple[bytes, bytes]:
    """A new private and its public key."""
    private = Ed25519PrivateKey.generate()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), _pem(private.public_key())


def public_of(private: bytes) -> bytes:
    """The public key of a private one. ValueError when it is none of Ed25519."""
    return _pem(_private(private).public_key())


def sign(private: bytes, data: bytes) -> bytes:
    """Signature of 64 bytes."""
    return _private(private).sign(data)


def verify(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether the signature is of this key on these bytes."""
    try:
        _public(public).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def fingerprint(public: bytes) -> str:
    """First 16 hex digits of the SHA-256 of the raw key. ValueError when it is none of Ed25519."""
    return hashlib.sha256(_public(public).public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def _pem(public: Ed25519PublicKey) -> bytes:
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _private(pem: bytes) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (TypeError, UnsupportedAlgorithm) as fault:
        raise ValueError(str(fault)) from fault
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("not an Ed25519 key")
    return key


def _public(pem: bytes) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem)
    except UnsupportedAlgorithm as fault:
        raise ValueError(str(fault)) from fault
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")
    return key
