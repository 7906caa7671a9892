/* SPDX-License-Identifier: Apache-2.0 */
/* Why a device is refused: REFUSAL(NAME, "code", "what happened, what to do").
 * The codes are stable: they stand in the log, the metrics, the API and
 * docs/devices.md, which a test holds equal to this list. */

/* At the connection. */
REFUSAL(ANONYMOUS, "anonymous",
        "no user name, and no listener admits that from here; give the device "
        "an account: shopme-edge device add NAME")
REFUSAL(UNKNOWN, "unknown",
        "no device has this name; add it: shopme-edge device add NAME")
REFUSAL(PASSWORD, "password",
        "wrong password; make a new one: shopme-edge device passwd NAME")
REFUSAL(NO_PASSWORD, "no-password",
        "the device has no password: it comes by certificate; give it one: "
        "shopme-edge device passwd NAME")
REFUSAL(NO_CERTIFICATE, "no-certificate",
        "the device is not registered for certificates; register it: "
        "shopme-edge device set NAME --certificate")
REFUSAL(CERTIFICATE, "certificate",
        "its certificate was not made by tls.ca_file's authority, has expired, "
        "is not valid yet, or none was shown; issue one: shopme-edge pki issue "
        "NAME")
REFUSAL(PROTOCOL, "protocol",
        "no TLS 1.2 or 1.3, or no TLS at all on a port that needs it")
REFUSAL(REVOKED, "revoked",
        "its certificate is revoked; issue a new one: shopme-edge pki issue "
        "NAME")
REFUSAL(CRL_EXPIRED, "crl-expired",
        "the revocation list is past its end, and tls.crl_expired is refuse; "
        "renew the list")
REFUSAL(CLIENT_ID, "client-id",
        "the client id belongs to another; by certificate it must be the "
        "device's name")
REFUSAL(SESSIONS, "sessions",
        "the broker keeps no more sessions of clients without a user name (16 "
        "at most), nor one under another id than the account's name; connect "
        "with a clean session, or give the device an account: shopme-edge "
        "device add NAME")
REFUSAL(CONNECTIONS, "connections",
        "the listener has as many connections as it may: end some, or raise "
        "broker.listen's connections")
/* At a topic. */
REFUSAL(OTHER_DEVICE, "other-device",
        "the topic is another device's; a device uses "
        "shopme/{store}/{its name}/...")
REFUSAL(OTHER_STORE, "other-store", "the topic is another store's")
REFUSAL(NO_STREAM, "no-stream",
        "nothing below shopme/ has this topic for a device; see the streams in "
        "the configuration")
REFUSAL(RETAINED, "retained",
        "an event must not be retained; send it without the flag")
REFUSAL(CHANNEL, "channel",
        "the device's account may not read the store's events; if it shall: "
        "shopme-edge device set NAME --channel")
REFUSAL(SHARED, "shared", "shared subscriptions are not for devices")
REFUSAL(SYSTEM, "system", "topics that begin with $ are the broker's own")
REFUSAL(OUTSIDE, "outside",
        "the device's account has no pattern for this topic; give it one: "
        "shopme-edge device set NAME --topics PATTERN")
