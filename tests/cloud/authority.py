# SPDX-License-Identifier: Apache-2.0
"""The certificate authority and the server certificate of the local cloud.

Made by the openssl command the first time a directory is used, and found
again after a restart, so that a client goes on trusting what it trusted.
"""

import os
import ssl
import subprocess

CONFIG = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = local cloud
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:$ENV::NAME
authorityKeyIdentifier = keyid
"""
NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
           "-nodes"]
DAYS = ["-days", "3650"]


def _openssl(directory, *arguments, name="localhost"):
    """Runs one openssl command; its words are the error's if it fails."""
    done = subprocess.run(["openssl", *arguments], cwd=directory,
                          stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, umask=0o077,
                          env=os.environ | {"NAME": name})
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.strip()}")


def _make_authority(directory):
    with open(os.path.join(directory, "openssl.cnf"), "w",
              encoding="ascii") as file:
        file.write(CONFIG)
    _openssl(directory, "req", "-x509", "-config", "openssl.cnf",
             "-extensions", "authority", *NEW_KEY, *DAYS,
             "-keyout", "ca.key", "-out", "ca.pem")


def _make_server(directory, stem, name):
    """STEM.key and STEM.pem, for the host NAME."""
    _openssl(directory, "req", "-new", "-config", "openssl.cnf",
             "-subj", f"/CN={name}", *NEW_KEY,
             "-keyout", f"{stem}.key", "-out", f"{stem}.csr", name=name)
    # The last file to appear is the one whose presence says that all is made.
    _openssl(directory, "x509", "-req", "-in", f"{stem}.csr", "-CA", "ca.pem",
             "-CAkey", "ca.key", "-CAcreateserial", *DAYS, "-extfile",
             "openssl.cnf", "-extensions", "server", "-out", f"{stem}.new",
             name=name)
    os.rename(os.path.join(directory, f"{stem}.new"),
              os.path.join(directory, f"{stem}.pem"))


def make_client(directory, stem, key="ec"):
    """STEM.key (RSA or EC) and STEM.pem of a client, by that authority."""
    new_key = NEW_KEY if key == "ec" else ["-newkey", "rsa:2048", "-nodes"]
    _openssl(directory, "req", "-new", "-config", "openssl.cnf",
             "-subj", f"/CN={stem}", *new_key,
             "-keyout", f"{stem}.key", "-out", f"{stem}.csr")
    _openssl(directory, "x509", "-req", "-in", f"{stem}.csr", "-CA", "ca.pem",
             "-CAkey", "ca.key", "-CAcreateserial", *DAYS, "-out",
             f"{stem}.pem")


def server_context(directory, stem="server", name="localhost"):
    """A TLS context for a server that is called NAME, whose certificate the
    authority in the directory signs."""
    if not os.path.exists(os.path.join(directory, f"{stem}.pem")):
        _make_server(directory, stem, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(os.path.join(directory, f"{stem}.pem"),
                            os.path.join(directory, f"{stem}.key"))
    return context


def prepare(directory):
    """Returns the path of ca.pem and a TLS context for the server."""
    if not os.path.exists(os.path.join(directory, "server.pem")):
        _make_authority(directory)
    return os.path.join(directory, "ca.pem"), server_context(directory)
