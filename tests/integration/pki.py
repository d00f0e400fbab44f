"""Certificates for tests, made by openssl: small authorities, and what they sign."""

import ssl
import subprocess

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
RSA = ["-newkey", "rsa:2048", "-nodes"]


def openssl(folder, *args):
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)


def authority(folder, name):
    """NAME.pem and NAME.key."""
    openssl(folder, "req", "-x509", *CURVE, "-days", "2", "-keyout", f"{name}.key", "-subj", f"/CN={name}",
            "-out", f"{name}.pem")


def certificate(folder, name, ca, extension, *more, key=tuple(CURVE)):
    """NAME.pem and NAME.key, signed by an authority of the folder."""
    openssl(folder, "req", *key, "-keyout", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr")
    (folder / f"{name}.ext").write_text(extension)
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial",
            *(more or ("-days", "2")), "-extfile", f"{name}.ext", "-out", f"{name}.pem")


def trusting(folder, ca, client=None):
    """A client's context that believes one authority, and shows a certificate where it has one."""
    context = ssl.create_default_context(cafile=folder / f"{ca}.pem")
    if client:
        context.load_cert_chain(folder / f"{client}.pem", folder / f"{client}.key")
    return context
