"""The cluster's keys and certificates: made once, kept with the data they protect."""

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = datetime.timedelta(days=3650)


class Authority:
    """A certificate authority in a directory, and the certificates it has issued there."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.name = name

    @property
    def certificate(self) -> Path:
        return self.directory / f"{self.name}.crt"

    @property
    def key(self) -> Path:
        return self.directory / f"{self.name}.key"

    def make(self) -> None:
        """Make the authority unless it is there; repeatable."""
        if self.certificate.exists():
            return
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(f"mooring-{self.name}")
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        builder = (
            _builder(subject, subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
        )
        _keep(self.key, self.certificate, key, builder.sign(key, hashes.SHA256()))

    def issue(self, name: str, common_name: str, groups: Sequence[str] = (), hosts: Sequence[str] = ()) -> None:
        """Issue a certificate for clients, and for a server too where hosts are given; repeatable.

        Kubernetes reads the user from the common name and the groups from the organisations.
        """
        path, key_path = self.directory / f"{name}.crt", self.directory / f"{name}.key"
        if path.exists():
            return
        issuer = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        issuer_key = serialization.load_pem_private_key(self.key.read_bytes(), None)
        assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if hosts else [])]
        builder = (
            _builder(_name(common_name, groups), issuer.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
        _keep(key_path, path, key, builder.sign(issuer_key, hashes.SHA256()))


def make_key_pair(private: Path, public: Path) -> None:
    """Make a key pair without certificate (for service account tokens) unless it is there; repeatable."""
    if public.exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    _write(private, _private_pem(key))
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    _write(public, key.public_key().public_bytes(serialization.Encoding.PEM, form))


def _name(common_name: str, groups: Sequence[str] = ()) -> x509.Name:
    organisations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organisations, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    # An hour back, for clocks that were set between making and using it.
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + LIFE)
    )


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain)


def _keep(key_path: Path, path: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    """The certificate is written last: where it is, its key is there too."""
    _write(key_path, _private_pem(key))
    _write(path, certificate.public_bytes(serialization.Encoding.PEM))


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    draft.replace(path)
