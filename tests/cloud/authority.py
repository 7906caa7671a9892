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
subjectAltName = DNS:localhost, IP:127.0.0.1
authorityKeyIdentifier = keyid
"""
NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
           "-nodes"]
DAYS = ["-days", "3650"]


def _openssl(directory, *arguments):
    """Runs one openssl command; its words are the error's if it fails."""
    done = subprocess.run(["openssl", *arguments], cwd=directory,
                          stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, umask=0o077)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.strip()}")


def _make(directory):
    with open(os.path.join(directory, "openssl.cnf"), "w",
              encoding="ascii") as file:
        file.write(CONFIG)
    _openssl(directory, "req", "-x509", "-config", "openssl.cnf",
             "-extensions", "authority", *NEW_KEY, *DAYS,
             "-keyout", "ca.key", "-out", "ca.pem")
    _openssl(directory, "req", "-new", "-config", "openssl.cnf",
             "-subj", "/CN=localhost", *NEW_KEY,
             "-keyout", "server.key", "-out", "server.csr")
    # The last file to appear is the one whose presence says that all is made.
    _openssl(directory, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem",
             "-CAkey", "ca.key", "-CAcreateserial", *DAYS, "-extfile",
             "openssl.cnf", "-extensions", "server", "-out", "server.new")
    os.rename(os.path.join(directory, "server.new"),
              os.path.join(directory, "server.pem"))


def prepare(directory):
    """Returns the path of ca.pem and a TLS context for the server."""
    if not os.path.exists(os.path.join(directory, "server.pem")):
        _make(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(os.path.join(directory, "server.pem"),
                            os.path.join(directory, "server.key"))
    return os.path.join(directory, "ca.pem"), context
