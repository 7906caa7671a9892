/* SPDX-License-Identifier: Apache-2.0 */
/* Files whose cloud.credentials are refused: items of the table in bad_files.h.
 */
/* clang-format off */
#define KEYS(text) S "cloud: {credentials: {" text "}}\n"
#define IOT(text) \
    KEYS("source: iot, iot: {endpoint: a, role_alias: b, " text "}")

    {"cloud.credentials", S "cloud: {credentials: imds}\n", "2:22",
     {"\"imds\"", "a mapping"}},
    {"cloud.credentials.source", KEYS("source: imdsv1"), "2:31",
     {"\"imdsv1\"", "imds"}},
    {"cloud.credentials.source", KEYS("source: process"), "2:31",
     {"source: process and no cloud.credentials.command"}},
    {"cloud.credentials.source", KEYS("source: iot"), "2:31",
     {"source: iot and no cloud.credentials.iot"}},
    {"cloud.credentials.profile", KEYS("profile: \"a\\nb\""), "2:32",
     {"characters"}},
    {"cloud.credentials.profile", KEYS("source: imds, profile: a"), "2:46",
     {"cloud.credentials.profile", "only with cloud.credentials.source: "
      "profile"}},
    {"cloud.credentials.command", KEYS("source: process, command: \"a\\tb\""),
     "2:49", {"characters"}},
    {"cloud.credentials.command", KEYS("command: a"), "2:32",
     {"only with cloud.credentials.source: process"}},
    {"cloud.credentials.iot", KEYS("source: iot, iot: a"), "2:41",
     {"\"a\"", "a mapping"}},
    {"cloud.credentials.iot", KEYS("iot: {endpoint: a, role_alias: b}"), "2:28",
     {"only with cloud.credentials.source: iot"}},
    {"cloud.credentials.iot.endpoint",
     KEYS("source: iot, iot: {role_alias: b}"), "2:41",
     {"required key cloud.credentials.iot.endpoint"}},
    {"cloud.credentials.iot.endpoint",
     KEYS("source: iot, iot: {endpoint: \"https://a\", role_alias: b}"), "2:52",
     {"characters"}},
    {"cloud.credentials.iot.role_alias",
     KEYS("source: iot, iot: {endpoint: a, role_alias: \"b/../c\"}"), "2:67",
     {"characters"}},
    {"cloud.credentials.iot.thing", IOT("thing: \"a b\""), "2:77",
     {"characters"}},
    {"cloud.credentials.iot.cert_file", IOT("cert_file: a.pem"), "2:81",
     {"with /"}},
    {"cloud.credentials.iot.key_file", IOT("key_file: a.key"), "2:80",
     {"with /"}},
    {"cloud.credentials.iot.ca_file", IOT("ca_file: ca.pem"), "2:79",
     {"with /"}},
/* clang-format on */

#undef KEYS
#undef IOT
    /* clang-format on */
